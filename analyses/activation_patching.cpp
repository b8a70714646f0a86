// Activation patching (Heimersheim & Nanda 2024; presets and axis orders of TransformerLens' `patching`): which slice of the clean run,
// put into the corrupted one, brings the answer back; or the reverse.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

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
                metric_expr, positions = "all";
    int layer_window = 1, position_window = 1, batch_tokens = 4096, verify = 0, seed = 0;
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
        Field{"seed", &Params::seed, "Seed of resample and verify"}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
    }
};

struct Result {
    Grid effect;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    std::vector<std::pair<std::string, std::string>> stamps;
    static constexpr std::tuple fields{Field{"effect", &Result::effect, "The metric after the patch, averaged over pairs"}};
};

// The metric of cells becomes the map; grows while the sweep runs.
class Map {
  public:
    Map(const PresetLayout& layout, const Metric& metric, bool source_is_clean, std::size_t pairs)
        : layout_(layout), recovery_(metric.recovery), source_is_clean_(source_is_clean) {
        grid_.axes = layout.axes;
        grid_.unit = metric.unit;
        grid_.diverging = metric.diverging;
        grid_.values.assign(grid_.size(), std::nan(""));
        grid_.mask.assign(grid_.size(), 0);
        for (std::size_t i : layout.padding) grid_.values[i] = 0;
        if (pairs > 1 && !recovery_) grid_.sem.assign(grid_.size(), std::nan(""));
    }

    void fill(const PatchOutcome& outcome, const std::vector<std::size_t>& cells) {
        double clean = mean(source_is_clean_ ? outcome.source : outcome.base),
               corrupt = mean(source_is_clean_ ? outcome.base : outcome.source);
        for (std::size_t cell : cells) {
            std::size_t at = layout_.flat[cell];
            double m = mean(outcome.values[cell]);
            grid_.values[at] = !recovery_ ? m : clean == corrupt ? std::nan("") : (m - corrupt) / (clean - corrupt);
            grid_.mask[at] = 1;
            if (!grid_.sem.empty()) grid_.sem[at] = standard_error(outcome.values[cell]);
        }
    }

    const Grid& grid() const { return grid_; }

  private:
    const PresetLayout& layout_;
    bool recovery_, source_is_clean_;
    Grid grid_;
};

void check_pairs(const PatchOutcome& outcome, const Metric& metric, const std::vector<PromptPair>& prompts,
                 std::vector<std::string>& warnings) {
    if (!metric.recovery && metric.name != "logit_diff") return;
    std::vector<double> gaps;
    for (std::size_t i = 0; i < outcome.base.size(); ++i) gaps.push_back(std::abs(outcome.source[i] - outcome.base[i]));
    auto sorted = gaps;
    std::sort(sorted.begin(), sorted.end());
    double median = sorted[sorted.size() / 2];
    for (std::size_t i = 0; i < gaps.size(); ++i)
        if (gaps[i] < 0.05 * median || gaps[i] == 0)
            warnings.push_back("pair " + (prompts[i].id.empty() ? std::to_string(i + 1) : prompts[i].id) +
                               ": clean and corrupted run hardly differ in the metric");
}

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

Result run(Session& session, const Params& params, RunProgress& progress) {
    Metric metric = choose_metric(params.metric, params.metric_expr);
    const bool denoise = params.direction == "denoise";
    PatchSetup setup =
        set_up_patching(session, params.prompts, metric, denoise,
                        {params.preset, params.site, params.axes, params.positions, params.layer_window, params.position_window});
    PatchSweep& sweep = setup.sweep;
    const PresetLayout& layout = setup.map.layout;
    Edits always = edits_for(session, setup.prompts);
    sweep.batch_tokens = params.batch_tokens;
    sweep.replace = value_of(params.replace);
    sweep.seed = static_cast<std::uint64_t>(params.seed);
    for (const Prompt& prompt : params.reference) sweep.reference.push_back(resolve(session, prompt));
    if (!always.empty()) sweep.always = &always;
    bool loop = params.engine == "loop" || sweep.always;
    if (!loop) check_memory(session, sweep);
    auto* engine = loop ? patch_loop : patch_sweep;
    Map map(layout, metric, denoise, sweep.pairs.size());
    PatchOutcome outcome =
        engine(session.impl().model, sweep, progress, [&](const PatchOutcome& so_far, const std::vector<std::size_t>& finished) {
            map.fill(so_far, finished);
            progress.partial({"effect", "The metric after the patch, averaged over pairs", map.grid()});
        });
    always.check_fired();
    Result result{map.grid(), {}, outcome.notes, true, {{"engine", loop ? "loop" : "wavefront"}}};
    if (!loop)
        result.stamps.emplace_back(
            "batch_plan", std::to_string(outcome.chunks) + " passes of at most " + std::to_string(params.batch_tokens) + " packed tokens");
    result.complete = std::none_of(outcome.values.begin(), outcome.values.end(), [](const auto& v) { return v.empty(); });
    if (result.complete && layout.padding.empty()) result.effect.mask.clear();
    double clean = mean(denoise ? outcome.source : outcome.base), corrupt = mean(denoise ? outcome.base : outcome.source);
    result.summary = {{"clean", clean}, {"corrupt", corrupt}, {"forward_rows", static_cast<double>(outcome.forward_rows)}};
    if (params.verify > 0 && result.complete && !progress.stopped()) {
        auto [verified, largest] = verify(session.impl().model, sweep, outcome, params.verify, progress);
        result.summary.emplace_back("verified_cells", static_cast<double>(verified));
        result.summary.emplace_back("largest_difference", largest);
    }
    check_pairs(outcome, metric, params.prompts, result.warnings);
    if (metric.recovery && clean == corrupt)
        result.warnings.push_back("clean and corrupted runs have the same mean logit difference: recovery is not defined");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(activation_patching, "activation-patching",
                   "Replace slices of one run's activations by another's and measure what that does to the answer")

}  // namespace microtome
