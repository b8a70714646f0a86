#include "analyses/model_outline.h"

#include <ATen/ATen.h>

#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/base/sites.h"

namespace microtome {
namespace {

std::string size_of(char axis, const ModelConfig& c) {
    switch (axis) {
        case 'p':
            return "tokens";
        case 's':
            return "tokens";
        case 'h':
            return std::to_string(c.n_heads);
        case 'k':
            return std::to_string(c.n_kv_heads);
        case 'e':
            return std::to_string(c.d_head);
        case 'm':
            return std::to_string(c.d_model);
        case 'f':
            return std::to_string(c.d_mlp);
        case 'v':
            return std::to_string(c.d_vocab);
        default:
            return "1";
    }
}

OutlineSite site_of(SiteRef ref, const ModelConfig& config) {
    const SiteInfo& row = info(ref.site);
    OutlineSite site{hook_name(ref), row.name, row.help, {}, row.costly};
    for (const char* axis = row.axes; *axis; ++axis) site.shape.push_back(size_of(*axis, config));
    return site;
}

/// Which part of a block or of the model a hook or weight name belongs to: the word after the layer, "attn", "mlp", "ln1".
OutlinePart& home(ModelOutline& outline, const std::string& name) {
    const auto named = [&](std::vector<OutlinePart>& parts, const std::string& part) -> OutlinePart& {
        for (OutlinePart& known : parts)
            if (known.name == part) return known;
        throw Error(name, "a part of the model", part);
    };
    const std::string blocks = "blocks.";
    if (name.starts_with(blocks)) {
        const std::size_t dot = name.find('.', blocks.size());
        OutlinePart& block = named(outline.parts, "Block " + name.substr(blocks.size(), dot - blocks.size()));
        const std::string rest = name.substr(dot + 1);
        for (const auto& [begins, part] : {std::pair("attn.", "Attention"),
                                           {"ln1.", "Attention"},
                                           {"hook_attn", "Attention"},
                                           {"hook_q_", "Attention"},
                                           {"hook_k_", "Attention"},
                                           {"hook_v_", "Attention"},
                                           {"mlp.", "MLP"},
                                           {"ln2.", "MLP"},
                                           {"hook_mlp", "MLP"}})
            if (rest.starts_with(begins))
                for (OutlinePart& known : block.parts)
                    if (known.name == part) return known;
        return block;
    }
    if (name.starts_with("ln_final") && outline.parts.size() >= 2 && outline.parts[outline.parts.size() - 2].name == "Final norm")
        return outline.parts[outline.parts.size() - 2];
    return name.starts_with("embed") || name.starts_with("pos_embed") || name.starts_with("hook_") ? outline.parts.front()
                                                                                                   : outline.parts.back();
}

}  // namespace

std::int64_t OutlinePart::parameters() const {
    std::int64_t n = 0;
    for (const OutlineWeight& weight : weights) n += weight.count();
    for (const OutlinePart& part : parts) n += part.parameters();
    return n;
}

std::int64_t ModelOutline::parameters() const {
    std::int64_t n = 0;
    for (const OutlinePart& part : parts) n += part.parameters();
    return n;
}

ModelOutline outline_of(Session& session) {
    Transformer& model = session.impl().model;
    const ModelConfig& config = model.config;
    ModelOutline outline;
    outline.parts.push_back({"Embedding", -1, 0, {}, {}, {}});
    for (int layer = 0; layer < config.n_layers; ++layer) {
        OutlinePart block{"Block " + std::to_string(layer), layer, 0, {}, {}, {}};
        block.parts.push_back({"Attention", layer, config.n_heads, {}, {}, {}});
        if (config.mlp != MlpKind::none) block.parts.push_back({"MLP", layer, 0, {}, {}, {}});
        outline.parts.push_back(std::move(block));
    }
    if (config.final_norm && config.norm != Norm::none) outline.parts.push_back({"Final norm", -1, 0, {}, {}, {}});
    outline.parts.push_back({"Unembedding", -1, 0, {}, {}, {}});
    for (const auto& [name, tensor] : model.parameters())
        home(outline, name).weights.push_back({name, {tensor->sizes().begin(), tensor->sizes().end()}});
    for (const SiteRef ref : all_sites(config)) {
        OutlineSite site = site_of(ref, config);
        OutlinePart& part = home(outline, site.hook);
        part.sites.push_back(std::move(site));
    }
    return outline;
}

}  // namespace microtome
