// Path patching: what each sender does to the answer through the inputs of the receivers alone (hooks/path_patching.h).
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "analyses/pair_averages.h"
#include "analyses/patch_setup.h"
#include "analyses/path_nodes.h"
#include "analyses/question.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "analyses/statistics.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string senders = "all", receivers = "logits", base = "clean", metric = "logit_diff", metric_expr;
    bool through_mlps = false, direct = false;
    int batch_tokens = 4096, resamples = 1000, seed = 0;
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
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one forward pass, at most; bits depend on it", between(1, 1 << 24)},
        Field{"resamples", &Params::resamples, resamples_help, between(0, 1 << 20)},
        Field{"seed", &Params::seed, "Seed of the intervals"}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
        if (direct && through_mlps) throw Error(within_subject(subject, "direct"), "either direct or through_mlps", "both");
    }
};

struct Result {
    Grid effect;
    std::optional<Grid> effect_low, effect_high, effect_n;
    Table senders;
    std::optional<Table> pairs;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    std::vector<std::pair<std::string, std::string>> stamps;
    static constexpr std::tuple fields{
        Field{"effect", &Result::effect,
              "Metric after the patch less that of the base run, mean over pairs; per head, and the layer's MLP"},
        Field{"effect_low", &Result::effect_low, "Lower end of effect's 95 % interval"},
        Field{"effect_high", &Result::effect_high, "Upper end of effect's 95 % interval"},
        Field{"effect_n", &Result::effect_n, "Pairs that the cell is an average over"},
        Field{"senders", &Result::senders, "Every sender, strongest first; relative: as a share of the base run's metric"},
        Field{"pairs", &Result::pairs, "Each pair's metric in the two unpatched runs"}};
};

struct Effect {
    double mean, error;
    Interval interval{std::nan(""), std::nan("")};
};

// Of each finished sender. Recovery is told against the gap between the two runs (0: the base run, ±1: the other), a ratio of means.
PairNumbers changes_of(const PatchOutcome& outcome, const PairScale& scale, const CellPairs& who) {
    return {[&outcome](std::size_t sender, std::size_t pair) { return outcome.values[sender][pair] - outcome.base[pair]; }, scale, who};
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

// The sender's cell; none for those that are in the table alone.
std::optional<std::size_t> cell_of(const Grid& grid, const SenderSet& sender, int n_heads) {
    const PathNode& node = sender.nodes[0];
    if (sender.nodes.size() > 1 || node.ref.site == Site::embed) return {};
    return static_cast<std::size_t>(node.ref.layer) * grid.axes[1].size() + static_cast<std::size_t>(node.head < 0 ? n_heads : node.head);
}

void put(Grid& grid, std::size_t at, double value, double error = std::nan("")) {
    grid.values[at] = value;
    grid.mask[at] = 1;
    if (!grid.sem.empty()) grid.sem[at] = error;
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

Table table_of(const std::vector<SenderSet>& senders, const std::vector<Effect>& effects, double base, const std::string& unit,
               bool intervals) {
    Table table;
    table.columns = {{"sender", ""}, {"effect", unit}, {"standard_error", unit}, {"relative", "of the base run"}};
    if (intervals) table.columns.insert(table.columns.end(), {{"low", unit}, {"high", unit}});
    std::vector<std::size_t> order(effects.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return std::abs(effects[a].mean) > std::abs(effects[b].mean); });
    for (std::size_t i : order) {
        const Effect& e = effects[i];
        table.rows.push_back({senders[i].name, e.mean, e.error, base != 0 ? e.mean / base : std::nan("")});
        if (intervals) table.rows.back().insert(table.rows.back().end(), {e.interval.low, e.interval.high});
    }
    return table;
}

// Adds the intervals to the effects and, as maps, to the result.
void tell_spread(const PairNumbers& numbers, const std::vector<SenderSet>& senders, int n_heads, const BootstrapOptions& options,
                 const Progress& progress, std::vector<Effect>& effects, Result& result) {
    if (numbers.scale.clean.size() < 2) return;
    std::vector<std::size_t> finished(effects.size());
    std::iota(finished.begin(), finished.end(), std::size_t{0});
    const auto intervals = intervals_of(numbers, finished, options, progress);
    Grid empty = result.effect;
    empty.sem.clear();
    empty.values.assign(empty.size(), std::nan(""));
    empty.mask.assign(empty.size(), 0);
    Grid low = empty, high = empty, n = std::move(empty);
    n.unit = "pairs", n.diverging = false;
    for (std::size_t i : finished) {
        if (intervals) effects[i].interval = (*intervals)[i];
        const auto at = cell_of(n, senders[i], n_heads);
        if (!at) continue;
        put(n, *at, static_cast<double>(numbers.scale.clean.size()));
        put(low, *at, effects[i].interval.low), put(high, *at, effects[i].interval.high);
    }
    result.effect_n = std::move(n);
    if (!intervals) return;
    result.effect_low = std::move(low), result.effect_high = std::move(high);
    result.stamps.emplace_back("interval", interval_text(options));
}

void forget_full_mask(Grid& grid) {
    if (std::all_of(grid.mask.begin(), grid.mask.end(), [](auto computed) { return computed != 0; })) grid.mask.clear();
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
    sweep.ranks = session.impl().ranks;
    const bool clean = params.base == "clean";
    Result result;
    result.effect = empty_grid(config, metric, params.prompts.size() > 1 && !metric.recovery);
    std::vector<Effect> effects;
    PairScale scale;
    scale.recovery = metric.recovery;
    const CellPairs who = all_pairs(params.prompts.size(), senders.size());
    auto runs = [&](const PatchOutcome& outcome) {
        scale.clean = clean ? outcome.base : outcome.source, scale.corrupt = clean ? outcome.source : outcome.base;
    };
    PatchOutcome outcome =
        path_patch(session.impl().model, sweep, progress, [&](const PatchOutcome& so_far, std::size_t first, std::size_t last) {
            runs(so_far);
            const PairNumbers numbers = changes_of(so_far, scale, who);
            for (std::size_t i = first; i < last; ++i) {
                effects.push_back({numbers.mean(i), numbers.error(i)});
                if (auto at = cell_of(result.effect, senders[i], config.n_heads))
                    put(result.effect, *at, effects[i].mean, effects[i].error);
            }
            progress.partial({"effect", "Metric after the patch less that of the base run", result.effect});
        });
    always.check_fired();
    runs(outcome);
    result.complete = effects.size() == senders.size();
    tell_spread(changes_of(outcome, scale, who), senders, config.n_heads, {params.resamples, params.seed}, progress, effects, result);
    result.senders =
        table_of(senders, effects, metric.recovery ? 1 : mean(outcome.base), result.effect.unit, result.effect_low.has_value());
    if (params.prompts.size() > 1) result.pairs = pair_table(params.prompts, scale, metric.recovery ? "logit difference" : metric.unit);
    forget_full_mask(result.effect);
    for (auto* grid : {&result.effect_low, &result.effect_high, &result.effect_n})
        if (*grid) forget_full_mask(**grid);
    result.summary = {{"clean", mean(scale.clean)},
                      {"corrupt", mean(scale.corrupt)},
                      {"pairs", double(params.prompts.size())},
                      {"forward_rows", double(outcome.forward_rows)}};
    warn_of_weak_pairs(params.prompts, scale, metric, result.warnings);
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(path_patching, "path-patching",
                   "What each head and MLP does to the answer through the inputs of chosen heads, MLPs or the logits alone")

}  // namespace microtome
