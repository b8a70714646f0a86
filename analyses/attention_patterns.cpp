// Attention patterns of every head on given prompts, plain and weighted by the values that move (Kobayashi et al. 2020).
#include <ATen/ATen.h>

#include "analyses/patterns.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Params {
    std::vector<Prompt> prompts;
    std::string weighting = "output";
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Prompts (of equal length in tokens, where there are several)"},
        Field{"weighting", &Params::weighting, "Weight of a source in the second view: output, the norm of v W_O; value, the norm of v",
              one_of("output", "value")}};
};

struct Result {
    Grid pattern, value_weighted;
    static constexpr std::tuple fields{
        Field{"pattern", &Result::pattern, "Attention from each destination (query) to each source (key), per head"},
        Field{"value_weighted", &Result::value_weighted, "The same times the norm of what the source's value would write"}};
};

Grid grid_of(const Tensor& values, const std::vector<Axis>& axes, const char* unit) {
    Grid grid;
    grid.axes = axes;
    grid.unit = unit;
    grid.diverging = false;
    Tensor flat = values.to(at::kCPU, at::kDouble).contiguous();
    grid.values.assign(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
    return grid;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    if (params.prompts.empty()) throw Error("prompts", "at least one (--prompt TEXT or --prompts FILE)", "none");
    std::vector<std::vector<std::int64_t>> ids;
    std::vector<PromptTokens> tokens;
    std::vector<std::string> names;
    for (const Prompt& prompt : params.prompts) {
        ids.push_back(resolve(session, prompt));
        tokens.push_back({ids.back(), prompt.spans});
        names.push_back(prompt.label.empty() ? std::to_string(names.size()) : prompt.label);
        if (ids.back().size() != ids[0].size())
            throw Error("prompt " + std::to_string(ids.size()),
                        "as many tokens as the first prompt (" + std::to_string(ids[0].size()) + ")", std::to_string(ids.back().size()));
    }
    const Transformer& model = session.impl().model;
    Edits edits = edits_for(session, tokens);
    std::vector<Tensor> plain, weighted;  // one a prompt: (layer, head, destination, source)
    for (std::size_t i = 0; i < ids.size(); ++i) {
        progress.check();
        edits.enter({ids_tensor({ids[i]}), {i}});
        HeadPatterns seen = head_patterns(model, ids_tensor({ids[i]}), edits.empty() ? nullptr : &edits);
        plain.push_back(seen.pattern.select(1, 0));
        weighted.push_back(value_weighted(model, seen, params.weighting == "output").select(1, 0));
        progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(ids.size()), "prompts");
    }
    edits.check_fired();
    bool one = ids.size() == 1;
    auto labels = one ? pieces(session, ids[0]) : numbers(static_cast<int>(ids[0].size()));
    std::vector<Axis> axes{
        {"layer", numbers(model.config.n_layers)}, {"head", numbers(model.config.n_heads)}, {"destination", labels}, {"source", labels}};
    if (!one) axes.insert(axes.begin(), {"prompt", names});
    return {
        grid_of(one ? plain[0] : at::stack(plain), axes, "attention"),
        grid_of(one ? weighted[0] : at::stack(weighted), axes, params.weighting == "output" ? "attention × ‖v W_O‖" : "attention × ‖v‖")};
}

}  // namespace

MICROTOME_ANALYSIS(attention_patterns, "attention-patterns", "Where each head looks: attention patterns, plain and value-weighted")

}  // namespace microtome
