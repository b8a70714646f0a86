// Attribution patching (Nanda 2023): every patch of a map at once, to first order, from one backward pass; with an audit that computes some
// of its cells exactly. Denoise: the gradient of the corrupted run, Δ = clean − corrupted; noise: the gradient of the clean run, the
// reverse.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "analyses/audit.h"
#include "analyses/pair_averages.h"
#include "analyses/patch_setup.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "analyses/statistics.h"
#include "core/base/error.h"
#include "hooks/attribution.h"
#include "hooks/sweep/sweep.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string preset = "attn_head_out_all_pos", site, axes = "layer,position", direction = "denoise", metric = "logit_diff_recovery",
                metric_expr, positions = "all", by = "auto";
    int audit = 64, resamples = 1000, seed = 0, batch_tokens = 4096;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Pairs of a clean and a corrupted prompt, with answer and foil"},
        Field{"preset", &Params::preset, "What is patched, by TransformerLens' names (with --site: not used)", patch_presets},
        Field{"site", &Params::site,
              "Attribute to this site, or several at once with commas, instead of a preset's (microtome list sites)"},
        Field{"axes", &Params::axes, "With --site: axes of the map, from layer, position, head, source"},
        Field{"direction", &Params::direction,
              "denoise: gradient of the corrupted run, clean minus corrupted; noise: gradient of the clean run, the reverse",
              one_of("denoise", "noise")},
        Field{"metric", &Params::metric, "What is measured on the last position's logits",
              one_of("logit_diff", "logit_diff_recovery", "prob", "prob_diff", "logprob", "kl")},
        Field{"metric_expr", &Params::metric_expr,
              "Measure this instead: logit() prob() logprob() logsumexp() kl() mean(), as in logit(answer) - logit([\" Tom\", 17])"},
        Field{"positions", &Params::positions, "Only these positions: all, last, 3,5-7, role:S2, token: John"},
        Field{"by", &Params::by, positions_by_help, one_of("auto", "position", "role")},
        Field{"audit", &Params::audit, "Cells computed exactly, to tell how far the others can be trusted (0: none)", between(0, 1 << 20)},
        Field{"resamples", &Params::resamples, resamples_help, between(0, 1 << 20)},
        Field{"seed", &Params::seed, "Seed of the audit's sample and of the intervals"},
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one pass of the audit, at most; bits depend on it", between(1, 1 << 24)}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
    }
};

struct Result {
    Grid effect, change;
    std::optional<Grid> effect_low, effect_high, effect_n, change_low, change_high, change_n, exact, trust, stratum;
    std::optional<Table> strata, pairs;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    std::vector<std::pair<std::string, std::string>> stamps;
    static constexpr std::tuple fields{
        Field{"effect", &Result::effect, "The metric after the patch as the gradient predicts it, averaged over pairs (approximate)"},
        Field{"effect_low", &Result::effect_low, "Lower end of effect's 95 % interval"},
        Field{"effect_high", &Result::effect_high, "Upper end of effect's 95 % interval"},
        Field{"effect_n", &Result::effect_n, "Pairs that the cell is an average over"},
        Field{"change", &Result::change, "By how much the patch changes the metric, as the gradient predicts it (approximate)"},
        Field{"change_low", &Result::change_low, "Lower end of change's 95 % interval"},
        Field{"change_high", &Result::change_high, "Upper end of change's 95 % interval"},
        Field{"change_n", &Result::change_n, "Pairs that the cell is an average over"},
        Field{"exact", &Result::exact, "The metric after the patch, computed, of the cells that the audit drew"},
        Field{"trust", &Result::trust,
              "Of the cells that the audit drew, 1: the prediction has the sign of the exact change and is off by at most a quarter of it "
              "(or of 5 % of the range), 0: not"},
        Field{"stratum", &Result::stratum,
              "Of every cell: the share of trusted ones among those drawn of its layer and size (of its size, if fewer than four were)"},
        Field{"strata", &Result::strata, "The audit by the size of the prediction (decile 1: the smallest)"},
        Field{"pairs", &Result::pairs, "Each pair's metric in the two unpatched runs"}};
};

// What a map is made from: the prediction, and how pairs come together.
struct Prediction {
    const AttributionOutcome& found;
    const PresetLayout& layout;
    const Metric& metric;
    PairScale scale;
    CellPairs who;

    PairNumbers changes() const {
        return {[this](std::size_t cell, std::size_t pair) { return found.changes[cell][pair]; }, scale, who};
    }
    PairNumbers levels() const {
        return {[this](std::size_t cell, std::size_t pair) { return scale.level(found.base[pair] + found.changes[cell][pair], pair); },
                scale, who};
    }
};

Grid empty_grid(const PresetLayout& layout, const std::string& unit, bool diverging) {
    Grid grid;
    grid.axes = layout.axes;
    grid.unit = unit;
    grid.diverging = diverging;
    grid.values.assign(grid.size(), std::nan(""));
    grid.mask.assign(grid.size(), 0);
    return grid;
}

void put(Grid& grid, std::size_t at, double value) {
    grid.values[at] = value;
    grid.mask[at] = 1;
}

Grid map_of(const PairNumbers& numbers, const Prediction& p, bool diverging) {
    Grid grid = empty_grid(p.layout, p.metric.unit, diverging);
    if (p.found.base.size() > 1 && !p.scale.recovery) grid.sem.assign(grid.size(), std::nan(""));
    for (std::size_t cell = 0; cell < p.layout.flat.size(); ++cell) {
        put(grid, p.layout.flat[cell], numbers.mean(cell));
        if (!grid.sem.empty()) grid.sem[p.layout.flat[cell]] = numbers.error(cell);
    }
    grid.approximate = "first order";
    if (p.layout.padding.empty()) grid.mask.clear();
    return grid;
}

void predict(const Prediction& p, const BootstrapOptions& options, const Progress& progress, Result& result) {
    result.effect = map_of(p.levels(), p, p.metric.diverging);
    result.change = map_of(p.changes(), p, true);
    PairSpread level = spread_of(p.levels(), p.layout.flat, result.effect, options, progress),
               change = spread_of(p.changes(), p.layout.flat, result.change, options, progress);
    result.effect_low = std::move(level.low), result.effect_high = std::move(level.high), result.effect_n = std::move(level.n);
    result.change_low = std::move(change.low), result.change_high = std::move(change.high), result.change_n = std::move(change.n);
    if (result.effect_low) result.stamps.emplace_back("interval", interval_text(options));
}

void run_audit(const Transformer& model, PatchSweep sweep, const Prediction& p, const Params& params, RunProgress& progress,
               Result& result) {
    const PresetLayout& layout = p.layout;
    std::vector<double> changes;
    std::vector<int> layers;
    std::vector<std::size_t> cells;  // not those of roles that no pair has
    PairScale scale = p.scale;       // told as the map is, but where runs without a gap leave it no scale
    scale.recovery = scale.recovery && mean(scale.clean) != mean(scale.corrupt);
    const PairNumbers prediction{[&](std::size_t cell, std::size_t pair) { return p.found.changes[cell][pair]; }, scale, p.who};
    for (std::size_t cell = 0; cell < layout.flat.size(); ++cell) {
        const double change = prediction.mean(cell);
        if (!std::isfinite(change)) continue;
        cells.push_back(cell);
        changes.push_back(change);
        layers.push_back(sweep.cells[cell].front().ref.layer);
    }
    const AuditPlan plan = plan_audit(changes, layers, static_cast<std::size_t>(params.audit), static_cast<std::uint64_t>(params.seed));
    const std::vector<PatchCell> all = sweep.cells;
    sweep.cells.clear();
    for (std::size_t i : plan.sample) sweep.cells.push_back(all[cells[i]]);
    const PatchOutcome exact = (sweep.always ? patch_loop : patch_sweep)(model, sweep, progress, {});
    const CellPairs who = pairs_of_cells(sweep);
    const PairNumbers after{[&](std::size_t i, std::size_t pair) { return p.scale.level(exact.values[i][pair], pair); }, p.scale, who},
        moved{[&](std::size_t i, std::size_t pair) { return exact.values[i][pair] - p.found.base[pair]; }, scale, who};
    std::vector<double> predicted, computed;
    Grid exact_grid = empty_grid(layout, p.metric.unit, p.metric.diverging);
    for (std::size_t i = 0; i < plan.sample.size(); ++i) {
        if (exact.values[i].empty()) {  // stopped: the audit is left out, the map stays
            result.complete = false;
            return;
        }
        predicted.push_back(changes[plan.sample[i]]);
        computed.push_back(moved.mean(i));
        put(exact_grid, layout.flat[cells[plan.sample[i]]], after.mean(i));
    }
    const Audit audit = judge(predicted, computed);
    Grid trust = empty_grid(layout, "trusted", false), stratum = empty_grid(layout, "share trusted", false);
    for (std::size_t i = 0; i < plan.sample.size(); ++i) put(trust, layout.flat[cells[plan.sample[i]]], audit.trusted[i] ? 1 : 0);
    const std::vector<double> rates = stratum_rates(plan, audit);
    for (std::size_t i = 0; i < rates.size(); ++i) put(stratum, layout.flat[cells[i]], rates[i]);
    if (result.change.mask.empty() && cells.size() == layout.flat.size()) stratum.mask.clear();
    result.exact = std::move(exact_grid), result.trust = std::move(trust), result.stratum = std::move(stratum);
    result.strata = strata_table(plan, audit, predicted, computed);
    result.summary.insert(result.summary.end(), {{"audited_cells", static_cast<double>(plan.sample.size())},
                                                 {"trusted_share", audit.trusted_share},
                                                 {"rank_correlation", audit.spearman},
                                                 {"correlation", audit.pearson},
                                                 {"largest_error", audit.largest_error}});
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    const Metric metric = choose_metric(params.metric, params.metric_expr);
    const bool denoise = params.direction == "denoise";
    const Transformer& model = session.impl().model;
    PatchSetup setup =
        set_up_patching(session, params.prompts, metric, denoise, {params.preset, params.site, params.axes, {params.positions, params.by}});
    PatchSweep& sweep = setup.sweep;
    const PresetLayout& layout = setup.map.layout;
    Edits always = edits_for(session, setup.prompts);
    sweep.batch_tokens = params.batch_tokens;
    if (!always.empty()) sweep.always = &always;
    const AttributionOutcome found = attribute_patches(model, sweep, progress);
    const bool whole = found.pairs.size() == sweep.pairs.size();
    const Prediction prediction{found,
                                layout,
                                metric,
                                {denoise ? found.source : found.base, denoise ? found.base : found.source, metric.recovery},
                                whole ? pairs_of_cells(sweep) : only(pairs_of_cells(sweep), found.pairs)};
    Result result;
    if (!whole) {
        result.complete = false;
        result.warnings.push_back("stopped: the map is of " + std::to_string(found.pairs.size()) + " of " +
                                  std::to_string(sweep.pairs.size()) + " pairs, and was not audited");
    }
    predict(prediction, {params.resamples, params.seed}, progress, result);
    if (!layout.note.empty()) result.warnings.push_back(layout.note);
    if (layout.by_role) result.stamps.emplace_back("positions_by", "role");
    const PairScale& scale = prediction.scale;
    result.summary = {{"clean", mean(scale.clean)}, {"corrupt", mean(scale.corrupt)}};
    if (params.prompts.size() > 1) {
        result.pairs = pair_table(params.prompts, scale, metric.recovery ? "logit difference" : metric.unit);
        result.summary.emplace_back("pairs", static_cast<double>(params.prompts.size()));
    }
    if (params.audit > 0 && whole) run_audit(model, sweep, prediction, params, progress, result);
    always.check_fired();
    warn_of_weak_pairs(params.prompts, scale, metric, result.warnings);
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(attribution_patching, "attribution-patching",
                   "Predict every patch of a map from one backward pass, and audit the prediction with exact patches")

}  // namespace microtome
