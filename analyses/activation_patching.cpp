// Activation patching (Heimersheim & Nanda 2024; presets and axis orders of TransformerLens' `patching`): which slice of the clean run,
// put into the corrupted one, brings the answer back; or the reverse.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "analyses/pair_averages.h"
#include "analyses/patch_setup.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "analyses/statistics.h"
#include "core/base/error.h"
#include "hooks/sweep/sweep.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string preset = "attn_head_out_all_pos", site, axes = "layer,position", direction = "denoise", metric = "logit_diff_recovery",
                metric_expr, positions = "all", by = "auto";
    int layer_window = 1, position_window = 1, batch_tokens = 4096, verify = 0, resamples = 1000, seed = 0;
    std::string replace = "source", engine = "wavefront";
    std::vector<Prompt> reference;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Pairs of a clean and a corrupted prompt, with answer and foil"},
        Field{"preset", &Params::preset, "What is patched, by TransformerLens' names (with --site: not used)", patch_presets},
        Field{"site", &Params::site, "Patch this site, or several at once with commas, instead of a preset's (microtome list sites)"},
        Field{"axes", &Params::axes, "With --site: axes of the map, from layer, position, head, source"},
        Field{"direction", &Params::direction, "denoise: clean values into the corrupted run; noise: the reverse",
              one_of("denoise", "noise")},
        Field{"metric", &Params::metric, "What is measured on the last position's logits",
              one_of("logit_diff", "logit_diff_recovery", "prob", "prob_diff", "logprob", "kl", "rank")},
        Field{"metric_expr", &Params::metric_expr,
              "Measure this instead: logit() prob() logprob() logsumexp() rank() kl() mean(), as in logit(answer) - logit([\" Tom\", 17])"},
        Field{"positions", &Params::positions, "Only these positions: all, last, 3,5-7, role:S2, token: John"},
        Field{"by", &Params::by, positions_by_help, one_of("auto", "position", "role")},
        Field{"layer_window", &Params::layer_window, "Layers patched together, around the cell's", between(1, 1 << 16)},
        Field{"position_window", &Params::position_window, "Positions patched together, around the cell's", between(1, 1 << 24)},
        Field{"replace", &Params::replace,
              "What is put in: the other run's values, zeros, means over the reference prompts, or values of one of them for each pair",
              one_of("source", "zero", "mean", "resample")},
        Field{"reference", &Params::reference, "Prompts that means and samples are taken from"},
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one forward pass, at most; bits depend on it", between(1, 1 << 24)},
        Field{"engine", &Params::engine, "wavefront: all cells in a few passes over the layers; loop: the whole model for each cell",
              one_of("wavefront", "loop")},
        Field{"verify", &Params::verify, "Compute so many cells again by the loop, drawn with the seed, and tell the largest difference",
              between(0, 1 << 24)},
        Field{"resamples", &Params::resamples, resamples_help, between(0, 1 << 20)},
        Field{"seed", &Params::seed, "Seed of resample, verify and the intervals"}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
    }
};

struct Result {
    Grid effect;
    std::optional<Grid> effect_low, effect_high, effect_n;
    std::optional<Table> pairs;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    std::vector<std::pair<std::string, std::string>> stamps;
    static constexpr std::tuple fields{Field{"effect", &Result::effect, "The metric after the patch, averaged over pairs"},
                                       Field{"effect_low", &Result::effect_low, "Lower end of effect's 95 % interval"},
                                       Field{"effect_high", &Result::effect_high, "Upper end of effect's 95 % interval"},
                                       Field{"effect_n", &Result::effect_n, "Pairs that the cell is an average over"},
                                       Field{"pairs", &Result::pairs, "Each pair's metric in the two unpatched runs"}};
};

// The metric of cells becomes the map; grows while the sweep runs.
class Map {
  public:
    Map(const PresetLayout& layout, const Metric& metric, const CellPairs& who, bool source_is_clean, std::size_t pairs)
        : layout_(layout), who_(who), source_is_clean_(source_is_clean) {
        scale_.recovery = metric.recovery;
        grid_.axes = layout.axes;
        grid_.unit = metric.unit;
        grid_.diverging = metric.diverging;
        grid_.values.assign(grid_.size(), std::nan(""));
        grid_.mask.assign(grid_.size(), 0);
        for (std::size_t i : layout.padding) grid_.values[i] = 0;
        if (pairs > 1 && !metric.recovery) grid_.sem.assign(grid_.size(), std::nan(""));
    }

    void fill(const PatchOutcome& outcome, const std::vector<std::size_t>& cells) {
        scale_.clean = source_is_clean_ ? outcome.source : outcome.base, scale_.corrupt = source_is_clean_ ? outcome.base : outcome.source;
        const PairNumbers numbers = numbers_of(outcome);
        for (std::size_t cell : cells) {
            std::size_t at = layout_.flat[cell];
            grid_.values[at] = numbers.mean(cell);
            grid_.mask[at] = 1;
            if (!grid_.sem.empty()) grid_.sem[at] = numbers.error(cell);
        }
    }
    void all_computed() {
        if (layout_.padding.empty()) grid_.mask.clear();
    }

    PairSpread spread(const PatchOutcome& outcome, const BootstrapOptions& options, const Progress& progress) const {
        return spread_of(numbers_of(outcome), layout_.flat, grid_, options, progress);
    }
    const Grid& grid() const { return grid_; }
    /// Of the last `fill`.
    const PairScale& scale() const { return scale_; }

  private:
    PairNumbers numbers_of(const PatchOutcome& outcome) const {
        return {[this, &outcome](std::size_t cell, std::size_t pair) { return scale_.level(outcome.values[cell][pair], pair); }, scale_,
                who_};
    }

    const PresetLayout& layout_;
    const CellPairs& who_;
    bool source_is_clean_;
    PairScale scale_;
    Grid grid_;
};

PatchValue value_of(const std::string& replace) {
    return replace == "zero"       ? PatchValue::zero
           : replace == "mean"     ? PatchValue::mean
           : replace == "resample" ? PatchValue::resample
                                   : PatchValue::source;
}

// Some cells once more, each by a run of the whole model: how many, and the largest difference of a pair's metric.
std::pair<std::size_t, double> verify(const Transformer& model, PatchSweep sweep, const PatchOutcome& outcome, int wanted,
                                      RunProgress& progress) {
    std::vector<std::size_t> which(sweep.cells.size());
    std::iota(which.begin(), which.end(), std::size_t{0});
    std::mt19937_64 random(sweep.seed);
    std::size_t n = std::min(which.size(), static_cast<std::size_t>(wanted));
    for (std::size_t i = 0; i < n; ++i) std::swap(which[i], which[i + random() % (which.size() - i)]);
    std::vector<PatchCell> drawn;
    for (std::size_t i = 0; i < n; ++i) drawn.push_back(sweep.cells[which[i]]);
    sweep.cells = drawn;
    sweep.skip_unchanged = false;
    PatchOutcome again = patch_loop(model, sweep, progress);
    std::size_t verified = 0;
    double largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
        verified += !again.values[i].empty();
        for (std::size_t pair = 0; pair < again.values[i].size(); ++pair)
            largest = std::max(largest, std::abs(again.values[i][pair] - outcome.values[which[i]][pair]));
    }
    return {verified, largest};
}

void check_memory(const Session& session, const PatchSweep& sweep) {
    std::int64_t limit = session.options().memory_limit, needed = sweep_bytes(session.impl().model, sweep);
    if (limit > 0 && needed > limit)
        throw Error("memory-limit",
                    "at least " + std::to_string((needed >> 20) + 1) + " MiB for this sweep (fewer --batch-tokens, fewer pairs)",
                    std::to_string(limit >> 20) + " MiB");
}

Result told(const Map& map, const PatchOutcome& outcome, const Params& params, const Metric& metric, const PresetLayout& layout,
            const Progress& progress) {
    const BootstrapOptions options{params.resamples, params.seed};
    PairSpread spread = map.spread(outcome, options, progress);
    Result result{map.grid(), std::move(spread.low), std::move(spread.high), std::move(spread.n), {}, {}, outcome.notes, true, {}};
    if (!layout.note.empty()) result.warnings.push_back(layout.note);
    if (layout.by_role) result.stamps.emplace_back("positions_by", "role");
    const auto pairs = static_cast<double>(params.prompts.size());
    result.summary = {{"clean", mean(map.scale().clean)}, {"corrupt", mean(map.scale().corrupt)}};
    if (pairs > 1) {
        result.pairs = pair_table(params.prompts, map.scale(), metric.recovery ? "logit difference" : metric.unit);
        result.summary.emplace_back("pairs", pairs);
        if (result.effect_low) result.stamps.emplace_back("interval", interval_text(options));
    }
    warn_of_weak_pairs(params.prompts, map.scale(), metric, result.warnings);
    return result;
}

void prepare(const Session& session, const Params& params, Edits& always, PatchSweep& sweep) {
    sweep.batch_tokens = params.batch_tokens;
    sweep.replace = value_of(params.replace);
    sweep.seed = static_cast<std::uint64_t>(params.seed);
    for (const Prompt& prompt : params.reference) sweep.reference.push_back(resolve(session, prompt));
    if (!always.empty()) sweep.always = &always;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    Metric metric = choose_metric(params.metric, params.metric_expr);
    const bool denoise = params.direction == "denoise";
    PatchSetup setup = set_up_patching(
        session, params.prompts, metric, denoise,
        {params.preset, params.site, params.axes, {params.positions, params.by}, params.layer_window, params.position_window});
    PatchSweep& sweep = setup.sweep;
    const PresetLayout& layout = setup.map.layout;
    Edits always = edits_for(session, setup.prompts);
    prepare(session, params, always, sweep);
    bool loop = params.engine == "loop" || sweep.always;
    if (!loop) check_memory(session, sweep);
    auto* engine = loop ? patch_loop : patch_sweep;
    const CellPairs who = pairs_of_cells(sweep);
    Map map(layout, metric, who, denoise, sweep.pairs.size());
    PatchOutcome outcome =
        engine(session.impl().model, sweep, progress, [&](const PatchOutcome& so_far, const std::vector<std::size_t>& finished) {
            map.fill(so_far, finished);
            progress.partial({"effect", "The metric after the patch, averaged over pairs", map.grid()});
        });
    always.check_fired();
    map.fill(outcome, {});  // a sweep stopped before its first cell has baselines too
    const bool complete = std::none_of(outcome.values.begin(), outcome.values.end(), [](const auto& v) { return v.empty(); });
    if (complete) map.all_computed();
    Result result = told(map, outcome, params, metric, layout, progress);
    result.complete = complete;
    result.stamps.emplace_back("engine", loop ? "loop" : "wavefront");
    if (!loop)
        result.stamps.emplace_back(
            "batch_plan", std::to_string(outcome.chunks) + " passes of at most " + std::to_string(params.batch_tokens) + " packed tokens");
    result.summary.emplace_back("forward_rows", static_cast<double>(outcome.forward_rows));
    if (params.verify > 0 && result.complete && !progress.stopped()) {
        auto [verified, largest] = verify(session.impl().model, sweep, outcome, params.verify, progress);
        result.summary.emplace_back("verified_cells", static_cast<double>(verified));
        result.summary.emplace_back("largest_difference", largest);
    }
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(activation_patching, "activation-patching",
                   "Replace slices of one run's activations by another's and measure what that does to the answer")

}  // namespace microtome
