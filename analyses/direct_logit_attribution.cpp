// Direct logit attribution (Elhage et al. 2021; nostalgebraist 2020): the logit difference as a sum over everything that writes to the
// stream. Exact: the final norm's scale is the run's own, so every part is linear in what was written.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analyses/lens.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string run = "clean";
    int position = -1, neurons = 20;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Pairs of a clean and a corrupted prompt, with an answer, and a foil for differences"},
        Field{"run", &Params::run, "Which of the pair's prompts is read", one_of("clean", "corrupt")},
        Field{"position", &Params::position, "The position whose logits are taken apart; -1: the last", at_least(-1)},
        Field{"neurons", &Params::neurons, "Neurons told: those that add most, either way", between(0, 1 << 20)}};
};

struct Result {
    Table parts;
    Grid layers, heads;
    Table neurons;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    static constexpr std::tuple fields{
        Field{"parts", &Result::parts, "What each part of the model adds; the parts sum to the logit difference"},
        Field{"layers", &Result::layers, "What each layer's attention (its bias included) and MLP add"},
        Field{"heads", &Result::heads, "What each head adds, the output bias left out"},
        Field{"neurons", &Result::neurons, "The neurons that add most, either way; the MLP's output bias left out"}};
};

struct Parts {
    double embed = 0, positions = 0, norm_bias = 0, unembed_bias = 0, scale = 0, logits = 0;
    std::vector<double> mlp, attention_bias;  // by layer
    std::vector<std::vector<double>> heads;   // by layer
    std::vector<Tensor> neurons;              // by layer (d_mlp), float64

    double total() const {
        double sum = embed + positions + norm_bias + unembed_bias;
        for (double x : mlp) sum += x;
        for (double x : attention_bias) sum += x;
        for (const auto& layer : heads) sum = std::accumulate(layer.begin(), layer.end(), sum);
        return sum;
    }
};

// One prompt at one position.
class Decomposition {
  public:
    Decomposition(const Transformer& model, const std::vector<std::int64_t>& ids, std::int64_t position, const ResolvedPair& pair,
                  SiteHandler* always)
        : model_(model), position_(position), recorder_(sites()) {
        Chain chain({always, &recorder_});
        const Tensor last = model.residual(ids_tensor({ids}), Tap(chain))[0][position];
        const ReadOut read = read_out(model, pair.answers, pair.foils);
        parts.scale = final_scale(model, last).item<double>();
        direction_ = read.direction / parts.scale;
        parts.norm_bias = read.norm_bias, parts.unembed_bias = read.unembed_bias;
        take_apart();
        measure(last, pair);
    }

    Parts parts;

  private:
    std::vector<SiteRef> sites() const {
        const ModelConfig& c = model_.config;
        std::vector<SiteRef> refs{{Site::embed, -1}};
        for (Site site : {Site::pos_embed})
            if (has_site(c, site)) refs.push_back({site, -1});
        for (int l = 0; l < c.n_layers; ++l)
            for (Site site : {Site::result, Site::ln1_post_scale, Site::attn_out, Site::mlp_post, Site::ln2_post_scale, Site::mlp_out})
                if (has_site(c, site)) refs.push_back({site, l});
        return refs;
    }

    Tensor at(Site site, int layer) const { return recorder_.at({site, layer})[0][position_].to(at::kCPU, at::kDouble); }
    double read(const Tensor& x) const { return (x * direction_).sum().item<double>(); }

    // The direction as what is written before a post-norm is read through it, its divisor the run's own.
    Tensor before(const NormLayer& norm, Site scale, int layer) const {
        if (norm.kind == Norm::none) return direction_;
        Tensor factor = norm.weight.defined() ? norm.weight.to(at::kCPU, at::kDouble) + norm.offset : at::ones_like(direction_);
        Tensor seen = direction_ * factor / at(scale, layer);
        return norm.kind == Norm::layer ? seen - seen.mean() : seen;
    }

    void take_apart() {
        const ModelConfig& c = model_.config;
        parts.embed = read(at(Site::embed, -1));
        if (has_site(c, Site::pos_embed)) parts.positions = read(at(Site::pos_embed, -1));
        for (int l = 0; l < c.n_layers; ++l) {
            const Block& block = model_.blocks[static_cast<std::size_t>(l)];
            const Tensor heads = at(Site::result, l).mv(before(block.ln1_post, Site::ln1_post_scale, l));
            parts.heads.emplace_back(heads.const_data_ptr<double>(), heads.const_data_ptr<double>() + heads.numel());
            parts.attention_bias.push_back(read(at(Site::attn_out, l)) - heads.sum().item<double>());
            if (!has_site(c, Site::mlp_out)) continue;
            parts.mlp.push_back(read(at(Site::mlp_out, l)));
            const Tensor written = block.mlp.out.weight.to(at::kCPU, at::kDouble).mv(before(block.ln2_post, Site::ln2_post_scale, l));
            parts.neurons.push_back(at(Site::mlp_post, l) * written);
        }
    }

    // The logit difference itself, before a final cap.
    void measure(const Tensor& last, const ResolvedPair& pair) {
        const Tensor logits = model_.unembed(model_.ln_final(last.unsqueeze(0)))[0].to(at::kCPU, at::kDouble);
        parts.logits = logits.index_select(0, at::tensor(pair.answers, at::kLong)).mean().item<double>();
        if (!pair.foils.empty()) parts.logits -= logits.index_select(0, at::tensor(pair.foils, at::kLong)).mean().item<double>();
    }

    const Transformer& model_;
    std::int64_t position_;
    Recorder recorder_;
    Tensor direction_;
};

void add(Parts& sum, const Parts& one) {
    sum.embed += one.embed, sum.positions += one.positions, sum.norm_bias += one.norm_bias, sum.unembed_bias += one.unembed_bias;
    sum.scale += one.scale, sum.logits += one.logits;
    auto each = [](auto& a, const auto& b) {
        if (a.empty()) a.resize(b.size());
        for (std::size_t i = 0; i < b.size(); ++i) a[i] += b[i];
    };
    each(sum.mlp, one.mlp);
    each(sum.attention_bias, one.attention_bias);
    if (sum.heads.empty()) sum.heads.resize(one.heads.size());
    for (std::size_t l = 0; l < one.heads.size(); ++l) each(sum.heads[l], one.heads[l]);
    for (std::size_t l = 0; l < one.neurons.size(); ++l)
        l < sum.neurons.size() ? void(sum.neurons[l] += one.neurons[l]) : sum.neurons.push_back(one.neurons[l].clone());
}

Table parts_table(const ModelConfig& c, const Parts& sum, double n) {
    Table table;
    table.columns = {{"part", ""}, {"layer", ""}, {"adds", "logits"}};
    auto row = [&](const std::string& part, std::int64_t layer, double value) { table.rows.push_back({part, layer, value / n}); };
    row("embedding", -1, sum.embed);
    if (has_site(c, Site::pos_embed)) row("positions", -1, sum.positions);
    for (std::size_t l = 0; l < sum.heads.size(); ++l) {
        const auto layer = static_cast<std::int64_t>(l);
        for (std::size_t h = 0; h < sum.heads[l].size(); ++h) row("head " + std::to_string(h), layer, sum.heads[l][h]);
        row("attention bias", layer, sum.attention_bias[l]);
        if (l < sum.mlp.size()) row("MLP", layer, sum.mlp[l]);
    }
    row("final norm's bias", -1, sum.norm_bias);
    row("unembedding's bias", -1, sum.unembed_bias);
    return table;
}

Grid layers_grid(const ModelConfig& c, const Parts& sum, double n) {
    Grid grid;
    const bool mlp = !sum.mlp.empty();
    grid.axes = {{"layer", numbers(c.n_layers)},
                 {"kind", mlp ? std::vector<std::string>{"attn_out", "mlp_out"} : std::vector<std::string>{"attn_out"}}};
    grid.unit = "logits";
    for (std::size_t l = 0; l < sum.heads.size(); ++l) {
        grid.values.push_back(std::accumulate(sum.heads[l].begin(), sum.heads[l].end(), sum.attention_bias[l]) / n);
        if (mlp) grid.values.push_back(sum.mlp[l] / n);
    }
    return grid;
}

Table neurons_table(const Parts& sum, double n, int most) {
    Table table;
    table.columns = {{"layer", ""}, {"neuron", ""}, {"adds", "logits"}};
    std::vector<std::tuple<double, std::int64_t, std::int64_t>> all;
    for (std::size_t l = 0; l < sum.neurons.size(); ++l) {
        const std::int64_t k = std::min<std::int64_t>(most, sum.neurons[l].numel());
        const Tensor best = std::get<1>(sum.neurons[l].abs().topk(k));
        for (std::int64_t i = 0; i < k; ++i) {
            const std::int64_t unit = best[i].item<std::int64_t>();
            all.emplace_back(sum.neurons[l][unit].item<double>() / n, static_cast<std::int64_t>(l), unit);
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return std::abs(std::get<0>(a)) > std::abs(std::get<0>(b)); });
    for (std::size_t i = 0; i < std::min(all.size(), static_cast<std::size_t>(most)); ++i)
        table.rows.push_back({std::get<1>(all[i]), std::get<2>(all[i]), std::get<0>(all[i])});
    return table;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    c10::AutoGradMode without_gradients(false);
    if (params.prompts.empty()) throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
    const Transformer& model = session.impl().model;
    std::vector<ResolvedPair> pairs;
    std::vector<PromptTokens> prompts;
    for (const PromptPair& given : params.prompts) {
        pairs.push_back(resolve(session, given, true, false));
        prompts.push_back({pairs.back().clean, given.spans});
    }
    Edits always = edits_for(session, prompts);
    Parts sum;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        progress.check();
        const std::vector<std::int64_t>& ids = params.run == "clean" ? pairs[i].clean : pairs[i].corrupt;
        const auto length = static_cast<std::int64_t>(ids.size());
        if (params.position >= length) throw Error("position", "-1 to " + std::to_string(length - 1), std::to_string(params.position));
        if (!always.empty()) always.enter({ids_tensor({ids}), {i}});
        add(sum, Decomposition(model, ids, params.position < 0 ? length - 1 : params.position, pairs[i], always.empty() ? nullptr : &always)
                     .parts);
        progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(pairs.size()), "prompts");
    }
    always.check_fired();
    const auto n = static_cast<double>(pairs.size());
    Result result;
    result.parts = parts_table(model.config, sum, n);
    result.layers = layers_grid(model.config, sum, n);
    result.heads.axes = {{"layer", numbers(model.config.n_layers)}, {"head", numbers(model.config.n_heads)}};
    result.heads.unit = "logits";
    for (const auto& layer : sum.heads)
        for (double value : layer) result.heads.values.push_back(value / n);
    result.neurons = neurons_table(sum, n, params.neurons);
    result.summary = {{"logit_difference", sum.logits / n}, {"sum_of_parts", sum.total() / n}, {"final_scale", sum.scale / n}};
    if (model.config.logit_cap > 0) result.warnings.push_back("the logits are those before the model's final cap, which is not linear");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(direct_logit_attribution, "direct-logit-attribution",
                   "Take the logit difference apart into what every component, head and neuron adds to it")

}  // namespace microtome
