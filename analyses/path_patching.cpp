// Path patching: what each sender does to the answer through the inputs of the receivers alone (hooks/path_patching.h).
#include <algorithm>
#include <cmath>

#include "analyses/path_nodes.h"
#include "analyses/question.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string senders = "all", receivers = "logits", base = "clean", metric = "logit_diff", metric_expr;
    bool through_mlps = false, direct = false;
    int batch_tokens = 4096;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Pairs of a clean and a corrupted prompt, with answer and foil"},
        Field{"senders", &Params::senders, "What is patched, one after the other: heads, mlps, all, or L0.H1,L2.mlp,embed,L0.H1+L0.H2"},
        Field{"receivers", &Params::receivers,
              "Through whose inputs it acts, all at once: logits (the end of the stream), or L2.H1.q,L2.H0.k,L2.H0.v,L3.H1,L2.mlp"},
        Field{"through_mlps", &Params::through_mlps, "MLPs between sender and receivers are made anew (Wang et al.): the default"},
        Field{"direct", &Params::direct, "MLPs are frozen too: the edges from sender to receivers alone"},
        Field{"base", &Params::base, "The run that is changed; the other lends the sender's output", one_of("clean", "corrupt")},
        Field{"metric", &Params::metric, "What is measured on the last position's logits",
              one_of("logit_diff", "logit_diff_recovery", "prob", "prob_diff", "logprob", "kl", "rank")},
        Field{"metric_expr", &Params::metric_expr, "Measure this instead, as in activation-patching"},
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one forward pass, at most; bits depend on it", between(1, 1 << 24)}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
        if (direct && through_mlps) throw Error(within_subject(subject, "direct"), "either direct or through_mlps", "both");
    }
};

struct Result {
    Grid effect;
    Table senders;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    static constexpr std::tuple fields{
        Field{"effect", &Result::effect,
              "Metric after the patch less that of the base run, mean over pairs; per head, and the layer's MLP"},
        Field{"senders", &Result::senders, "Every sender, strongest first; relative: as a share of the base run's metric"}};
};

struct Mean {
    double mean = 0, error = std::nan("");
};

Mean mean_of(const std::vector<double>& x) {
    Mean m;
    auto n = static_cast<double>(x.size());
    for (double v : x) m.mean += v / n;
    if (x.size() < 2) return m;
    double sum = 0;
    for (double v : x) sum += (v - m.mean) * (v - m.mean);
    m.error = std::sqrt(sum / (n - 1) / n);
    return m;
}

// Recovery is told against the gap between the two runs (0: the base run, ±1: the other), a ratio of means without an error of its own.
Mean effect_of(const PatchOutcome& outcome, std::size_t sender, bool recovery, bool base_is_clean) {
    std::vector<double> change;
    for (std::size_t i = 0; i < outcome.base.size(); ++i) change.push_back(outcome.values[sender][i] - outcome.base[i]);
    Mean effect = mean_of(change);
    if (!recovery) return effect;
    double gap = mean_of(outcome.base).mean - mean_of(outcome.source).mean;
    if (!base_is_clean) gap = -gap;
    return {gap == 0 ? std::nan("") : effect.mean / gap, std::nan("")};
}

Grid empty_grid(const ModelConfig& c, const Metric& metric, bool error) {
    Grid grid;
    grid.axes = {{"layer", numbers(c.n_layers)}, {"head", numbers(c.n_heads)}};
    if (c.mlp != MlpKind::none) grid.axes[1].labels.push_back("mlp");
    grid.unit = metric.name == "kl" || metric.name == "rank" ? metric.unit : "change in " + metric.unit;
    grid.values.assign(grid.size(), std::nan(""));
    grid.mask.assign(grid.size(), 0);
    if (error) grid.sem.assign(grid.size(), std::nan(""));
    return grid;
}

void fill(Grid& grid, const SenderSet& sender, Mean effect, int n_heads) {
    const PathNode& node = sender.nodes[0];
    if (sender.nodes.size() > 1 || node.ref.site == Site::embed) return;  // in the table alone
    std::size_t at =
        static_cast<std::size_t>(node.ref.layer) * grid.axes[1].size() + static_cast<std::size_t>(node.head < 0 ? n_heads : node.head);
    grid.values[at] = effect.mean;
    grid.mask[at] = 1;
    if (!grid.sem.empty()) grid.sem[at] = effect.error;
}

PathSweep sweep_of(Session& session, const Params& params, const Metric& metric, std::vector<PromptTokens>& prompts) {
    if (params.prompts.empty()) throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
    PathSweep sweep;
    bool clean = params.base == "clean";
    for (const PromptPair& given : params.prompts) {
        ResolvedPair pair = resolve(session, given, metric.needs_answer(), metric.needs_foil());
        prompts.push_back({pair.clean, given.spans});
        sweep.pairs.push_back(
            {clean ? pair.clean : pair.corrupt, clean ? pair.corrupt : pair.clean, question_of(session, metric, given, pair)});
    }
    sweep.receivers = parse_receivers(params.receivers, session.impl().model.config, "receivers");
    sweep.through_mlps = !params.direct;
    sweep.metric = metric;
    sweep.source_is_clean = !clean;
    sweep.batch_tokens = params.batch_tokens;
    return sweep;
}

Table table_of(const std::vector<SenderSet>& senders, const std::vector<Mean>& effects, double base, const std::string& unit) {
    Table table;
    table.columns = {{"sender", ""}, {"effect", unit}, {"standard_error", unit}, {"relative", "of the base run"}};
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < effects.size(); ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return std::abs(effects[a].mean) > std::abs(effects[b].mean); });
    for (std::size_t i : order)
        table.rows.push_back({senders[i].name, effects[i].mean, effects[i].error, base != 0 ? effects[i].mean / base : std::nan("")});
    return table;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    Metric metric = choose_metric(params.metric, params.metric_expr);
    const ModelConfig& config = session.impl().model.config;
    auto senders = parse_senders(params.senders, config, "senders");
    std::vector<PromptTokens> prompts;
    PathSweep sweep = sweep_of(session, params, metric, prompts);
    for (const SenderSet& set : senders) sweep.senders.push_back(set.nodes);
    Edits always = edits_for(session, prompts);
    if (!always.empty()) sweep.always = &always;
    bool clean = params.base == "clean";
    Result result{empty_grid(config, metric, params.prompts.size() > 1 && !metric.recovery), {}, {}, {}, true};
    std::vector<SenderSet> finished;
    std::vector<Mean> effects;
    PatchOutcome outcome =
        path_patch(session.impl().model, sweep, progress, [&](const PatchOutcome& so_far, std::size_t first, std::size_t last) {
            for (std::size_t i = first; i < last; ++i) {
                finished.push_back(senders[i]);
                effects.push_back(effect_of(so_far, i, metric.recovery, clean));
                fill(result.effect, senders[i], effects.back(), config.n_heads);
            }
            progress.partial({"effect", "Metric after the patch less that of the base run", result.effect});
        });
    always.check_fired();
    result.complete = finished.size() == senders.size();
    double base = mean_of(outcome.base).mean, source = mean_of(outcome.source).mean;
    result.senders = table_of(finished, effects, metric.recovery ? 1 : base, result.effect.unit);
    if (std::all_of(result.effect.mask.begin(), result.effect.mask.end(), [](auto computed) { return computed != 0; }))
        result.effect.mask.clear();
    result.summary = {{"clean", clean ? base : source},
                      {"corrupt", clean ? source : base},
                      {"pairs", double(params.prompts.size())},
                      {"forward_rows", double(outcome.forward_rows)}};
    if (metric.recovery && base == source)
        result.warnings.push_back("clean and corrupted runs have the same mean logit difference: recovery is not defined");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(path_patching, "path-patching",
                   "What each head and MLP does to the answer through the inputs of chosen heads, MLPs or the logits alone")

}  // namespace microtome
