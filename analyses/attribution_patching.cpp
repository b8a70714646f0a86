// Attribution patching (Nanda 2023): every patch of a map at once, to first order, from one backward pass; with an audit that computes some
// of its cells exactly. Denoise: the gradient of the corrupted run, Δ = clean − corrupted; noise: the gradient of the clean run, the
// reverse.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "analyses/audit.h"
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
                metric_expr, positions = "all";
    int audit = 64, seed = 0, batch_tokens = 4096;
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
        Field{"audit", &Params::audit, "Cells computed exactly, to tell how far the others can be trusted (0: none)", between(0, 1 << 20)},
        Field{"seed", &Params::seed, "Seed of the audit's sample"},
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one pass of the audit, at most; bits depend on it", between(1, 1 << 24)}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
    }
};

struct Result {
    Grid effect, change;
    std::optional<Grid> exact, trust, stratum;
    std::optional<Table> strata;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    static constexpr std::tuple fields{
        Field{"effect", &Result::effect, "The metric after the patch as the gradient predicts it, averaged over pairs (approximate)"},
        Field{"change", &Result::change, "By how much the patch changes the metric, as the gradient predicts it (approximate)"},
        Field{"exact", &Result::exact, "The metric after the patch, computed, of the cells that the audit drew"},
        Field{"trust", &Result::trust,
              "Of the cells that the audit drew, 1: the prediction has the sign of the exact change and is off by at most a quarter of it "
              "(or of 5 % of the range), 0: not"},
        Field{"stratum", &Result::stratum, "Of every cell: the share of trusted cells among those drawn with a prediction of its size"},
        Field{"strata", &Result::strata, "The audit by the size of the prediction (decile 1: the smallest)"}};
};

// Means of the two runs, and how a metric is told: recovery relates it to both.
struct Scale {
    double clean, corrupt, base;
    bool recovery;
    double of(double metric) const { return !recovery ? metric : clean == corrupt ? std::nan("") : (metric - corrupt) / (clean - corrupt); }
    double of_change(double change) const { return !recovery ? change : clean == corrupt ? std::nan("") : change / (clean - corrupt); }
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

void predict(const AttributionOutcome& found, const PresetLayout& layout, const Metric& metric, const Scale& scale, Result& result) {
    result.effect = empty_grid(layout, metric.unit, metric.diverging);
    result.change = empty_grid(layout, metric.unit, true);
    const bool several = found.base.size() > 1 && !scale.recovery;
    if (several) result.effect.sem.assign(result.effect.size(), std::nan("")), result.change.sem = result.effect.sem;
    for (std::size_t cell = 0; cell < layout.flat.size(); ++cell) {
        const std::size_t at = layout.flat[cell];
        const double change = mean(found.changes[cell]);
        put(result.effect, at, scale.of(scale.base + change));
        put(result.change, at, scale.of_change(change));
        if (!several) continue;
        std::vector<double> after = found.changes[cell];
        result.change.sem[at] = standard_error(after);
        for (std::size_t pair = 0; pair < after.size(); ++pair) after[pair] += found.base[pair];
        result.effect.sem[at] = standard_error(after);
    }
    for (Grid* grid : {&result.effect, &result.change})
        if (layout.padding.empty()) grid->mask.clear();
}

void run_audit(const Transformer& model, PatchSweep sweep, const AttributionOutcome& found, const PresetLayout& layout,
               const Metric& metric, const Scale& scale, const Params& params, RunProgress& progress, Result& result) {
    std::vector<double> changes;
    std::vector<int> layers;
    for (std::size_t cell = 0; cell < layout.flat.size(); ++cell) {
        changes.push_back(mean(found.changes[cell]));
        layers.push_back(sweep.cells[cell].front().ref.layer);
    }
    const AuditPlan plan = plan_audit(changes, layers, static_cast<std::size_t>(params.audit), static_cast<std::uint64_t>(params.seed));
    const std::vector<PatchCell> all = sweep.cells;
    sweep.cells.clear();
    for (std::size_t cell : plan.sample) sweep.cells.push_back(all[cell]);
    const PatchOutcome exact = (sweep.always ? patch_loop : patch_sweep)(model, sweep, progress, {});
    const double gap = scale.clean - scale.corrupt, unit = scale.recovery && gap != 0 ? 1 / gap : 1;  // told as the map is
    std::vector<double> predicted, computed;
    Grid exact_grid = empty_grid(layout, metric.unit, metric.diverging);
    for (std::size_t i = 0; i < plan.sample.size(); ++i) {
        if (exact.values[i].empty()) {  // stopped: the audit is left out, the map stays
            result.complete = false;
            return;
        }
        const double after = mean(exact.values[i]);
        predicted.push_back(changes[plan.sample[i]] * unit);
        computed.push_back((after - scale.base) * unit);
        put(exact_grid, layout.flat[plan.sample[i]], scale.of(after));
    }
    const Audit audit = judge(predicted, computed);
    Grid trust = empty_grid(layout, "trusted", false), stratum = empty_grid(layout, "share trusted", false);
    for (std::size_t i = 0; i < plan.sample.size(); ++i) put(trust, layout.flat[plan.sample[i]], audit.trusted[i] ? 1 : 0);
    const std::vector<double> rates = stratum_rates(plan, audit);
    for (std::size_t cell = 0; cell < rates.size(); ++cell) put(stratum, layout.flat[cell], rates[cell]);
    if (layout.padding.empty()) stratum.mask.clear();
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
        set_up_patching(session, params.prompts, metric, denoise, {params.preset, params.site, params.axes, params.positions});
    PatchSweep& sweep = setup.sweep;
    const PresetLayout& layout = setup.map.layout;
    Edits always = edits_for(session, setup.prompts);
    sweep.batch_tokens = params.batch_tokens;
    if (!always.empty()) sweep.always = &always;
    const AttributionOutcome found = attribute_patches(model, sweep, progress);
    const double base = mean(found.base), source = mean(found.source);
    const Scale scale{denoise ? source : base, denoise ? base : source, base, metric.recovery};
    Result result;
    predict(found, layout, metric, scale, result);
    result.summary = {{"clean", scale.clean}, {"corrupt", scale.corrupt}};
    if (params.audit > 0) run_audit(model, sweep, found, layout, metric, scale, params, progress, result);
    always.check_fired();
    if (metric.recovery && scale.clean == scale.corrupt)
        result.warnings.push_back("clean and corrupted runs have the same mean logit difference: recovery is not defined");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(attribution_patching, "attribution-patching",
                   "Predict every patch of a map from one backward pass, and audit the prediction with exact patches")

}  // namespace microtome
