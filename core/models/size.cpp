#include "core/models/size.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string_view>

namespace microtome {
namespace {

std::int64_t& part_of(PartCounts& counts, std::string_view name) {
    if (name.starts_with("embed.")) return counts.embedding;
    if (name.starts_with("pos_embed.")) return counts.positions;
    if (name.starts_with("unembed.")) return counts.unembedding;
    if (name.find(".mlp.") != std::string_view::npos) return counts.mlp;
    bool norm = name.find("ln") != std::string_view::npos || name.find("_norm") != std::string_view::npos;
    return norm ? counts.norms : counts.attention;
}

PartCounts count(const Transformer& model, std::string_view prefix) {
    PartCounts counts;
    Transformer handles = model;
    for (auto& [name, tensor] : handles.parameters())
        if (name.starts_with(prefix)) part_of(counts, name) += tensor->numel();
    return counts;
}

bool wants(const std::vector<SiteRef>& sites, Site site) {
    return std::any_of(sites.begin(), sites.end(), [&](SiteRef ref) { return ref.site == site; });
}

}  // namespace

PartCounts count_parts(const Transformer& model) {
    return count(model, "");
}

PartCounts count_layer(const Transformer& model) {
    return count(model, "blocks.0.");
}

std::int64_t site_elements(const ModelConfig& c, Site site, std::int64_t batch, std::int64_t tokens) {
    std::int64_t n = batch;
    for (char axis : std::string_view(info(site).axes)) {
        switch (axis) {
            case 'p':
            case 's':
                n *= tokens;
                break;
            case 'h':
                n *= c.n_heads;
                break;
            case 'k':
                n *= c.n_kv_heads;
                break;
            case 'e':
                n *= c.d_head;
                break;
            case 'm':
                n *= c.d_model;
                break;
            case 'f':
                n *= c.d_mlp;
                break;
            case 'v':
                n *= c.d_vocab;
                break;
            default:
                break;
        }
    }
    return n;
}

MemoryEstimate predict_memory(const Transformer& model, std::int64_t batch, std::int64_t tokens, const std::vector<SiteRef>& sites) {
    const ModelConfig& c = model.config;
    auto of = [&](Site site) { return site_elements(c, site, batch, tokens); };
    auto width = static_cast<std::int64_t>(c10::elementSize(model.dtype()));
    bool gated = c.mlp == MlpKind::gated, rotary = c.positions == Positions::rotary;
    bool patterns = c.score_cap > 0 || wants(sites, Site::pattern) || wants(sites, Site::attn_scores);
    std::int64_t stream = of(Site::resid_pre);
    std::int64_t attention = 2 * stream + (rotary ? 2 : 1) * (of(Site::q) + of(Site::k)) + of(Site::v) + of(Site::z) +
                             (patterns ? 3 * of(Site::pattern) : 0) + (wants(sites, Site::result) ? of(Site::result) : 0);
    std::int64_t mlp = c.mlp == MlpKind::none ? 0 : 2 * stream + (gated ? 4 : 2) * of(Site::mlp_pre);
    std::int64_t logits = stream + (c.logit_cap > 0 ? 3 : 1) * of(Site::unembed_out);
    MemoryEstimate estimate;
    estimate.weights = count_parts(model).total() * width;
    estimate.activations = (2 * stream + std::max({attention, mlp, logits})) * width;
    for (SiteRef ref : sites) estimate.sites += of(ref.site) * width;
    return estimate;
}

const Parity* parity_of(const std::string& architecture) {
    // tests/golden holds these comparisons; a test sees that no architecture is left out.
    static constexpr const char *transformers = "transformers 5.23.0, eager attention",
                                *outputs = "logits, every hidden state, every layer's attention", *sites = "every hook point, gradients";
    static constexpr double single = 1e-5, twice = 1e-9;
    static constexpr Parity table[] = {
        {"gpt2", "transformers 5.23.0 and TransformerLens 3.9.0", sites, single, twice},
        {"gpt_neo", transformers, outputs, single, twice},
        {"gpt_neox", transformers, outputs, single, twice},
        {"gptj", transformers, outputs, single, twice},
        {"opt", transformers, outputs, single, twice},
        {"llama", "transformers 5.23.0 and TransformerLens 3.9.0", sites, single, twice},
        {"llama2c", "transformers 5.23.0, the same weights in its layout", "logits", single, single},
        {"mistral", transformers, outputs, single, twice},
        {"qwen2", transformers, outputs, single, twice},
        {"qwen3", transformers, outputs, single, twice},
        {"phi", transformers, outputs, single, twice},
        {"phi3", transformers, outputs, single, twice},
        {"gemma", transformers, outputs, single, twice},
        {"gemma2", transformers, outputs, single, twice},
        {"gemma3_text", transformers, outputs, single, twice},
        {"transformer_lens", "TransformerLens 3.9.0", sites, single, twice},
    };
    for (const Parity& row : table)
        if (architecture == row.architecture) return &row;
    return nullptr;
}

}  // namespace microtome
