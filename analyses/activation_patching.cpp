// Activation patching (Heimersheim & Nanda 2024; presets and axis orders of TransformerLens' `patching`): which slice of the clean run,
// put into the corrupted one, brings the answer back; or the reverse.
#include <algorithm>
#include <cmath>

#include "analyses/files/positions.h"
#include "analyses/presets.h"
#include "analyses/question.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/sweep/sweep.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string preset = "attn_head_out_all_pos", site, axes = "layer,position", direction = "denoise", metric = "logit_diff_recovery",
                metric_expr, positions = "all";
    int batch_tokens = 4096;
    std::string engine = "wavefront";
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Pairs of a clean and a corrupted prompt, with answer and foil"},
        Field{"preset", &Params::preset, "What is patched, by TransformerLens' names (with --site: not used)",
              one_of("resid_pre", "resid_mid", "attn_out", "mlp_out", "attn_head_out_by_pos", "attn_head_q_by_pos", "attn_head_k_by_pos",
                     "attn_head_v_by_pos", "attn_head_pattern_by_pos", "attn_head_pattern_dest_src_pos", "attn_head_out_all_pos",
                     "attn_head_q_all_pos", "attn_head_k_all_pos", "attn_head_v_all_pos", "attn_head_pattern_all_pos",
                     "attn_head_all_pos_every", "attn_head_by_pos_every", "block_every")},
        Field{"site", &Params::site, "Patch this site instead of a preset's (microtome list sites)"},
        Field{"axes", &Params::axes, "With --site: axes of the map, from layer, position, head, source"},
        Field{"direction", &Params::direction, "denoise: clean values into the corrupted run; noise: the reverse",
              one_of("denoise", "noise")},
        Field{"metric", &Params::metric, "What is measured on the last position's logits",
              one_of("logit_diff", "logit_diff_recovery", "prob", "prob_diff", "logprob", "kl", "rank")},
        Field{"metric_expr", &Params::metric_expr,
              "Measure this instead: logit() prob() logprob() logsumexp() rank() kl() mean(), as in logit(answer) - logit([\" Tom\", 17])"},
        Field{"positions", &Params::positions, "Only these positions: all, last, 3,5-7, role:S2, token: John"},
        Field{"batch_tokens", &Params::batch_tokens, "Tokens in one forward pass, at most; bits depend on it", between(1, 1 << 24)},
        Field{"engine", &Params::engine, "wavefront: all cells in a few passes over the layers; loop: the whole model for each cell",
              one_of("wavefront", "loop")}};
    void check(const std::string& subject) const {
        if (!metric_expr.empty()) metric_of(metric_expr, within_subject(subject, "metric_expr"));
    }
};

struct Result {
    Grid effect;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    static constexpr std::tuple fields{Field{"effect", &Result::effect, "The metric after the patch, averaged over pairs"}};
};

double mean(const std::vector<double>& x) {
    double sum = 0;
    for (double v : x) sum += v;
    return sum / static_cast<double>(x.size());
}

double standard_error(const std::vector<double>& x) {
    double m = mean(x), sum = 0;
    for (double v : x) sum += (v - m) * (v - m);
    return std::sqrt(sum / static_cast<double>(x.size() - 1) / static_cast<double>(x.size()));
}

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

Result run(Session& session, const Params& params, RunProgress& progress) {
    Metric metric = choose_metric(params.metric, params.metric_expr);
    if (params.prompts.empty()) throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
    bool denoise = params.direction == "denoise";
    PatchSweep sweep;
    std::vector<PairTokens> tokens;
    std::vector<PromptTokens> prompts;
    for (const PromptPair& given : params.prompts) {
        ResolvedPair pair = resolve(session, given, metric.needs_answer(), metric.needs_foil());
        tokens.push_back({pair.clean, pieces(session, pair.clean), given.spans});
        prompts.push_back({pair.clean, given.spans});
        sweep.pairs.push_back(
            {denoise ? pair.corrupt : pair.clean, denoise ? pair.clean : pair.corrupt, question_of(session, metric, given, pair)});
    }
    PresetLayout layout = params.site.empty()
                              ? lay_out(params.preset, session.impl().model.config, tokens, params.positions)
                              : lay_out_site(params.site, params.axes, session.impl().model.config, tokens, params.positions);
    Edits always = edits_for(session, prompts);
    for (const PatchSlice& slice : layout.cells) sweep.cells.push_back({slice});
    sweep.places = layout.places;
    sweep.metric = metric;
    sweep.source_is_clean = denoise;
    sweep.batch_tokens = params.batch_tokens;
    if (!always.empty()) sweep.always = &always;
    bool loop = params.engine == "loop" || sweep.always;
    auto* engine = loop ? patch_loop : patch_sweep;
    Map map(layout, metric, denoise, sweep.pairs.size());
    PatchOutcome outcome =
        engine(session.impl().model, sweep, progress, [&](const PatchOutcome& so_far, const std::vector<std::size_t>& cells) {
            map.fill(so_far, cells);
            progress.partial({"effect", "The metric after the patch, averaged over pairs", map.grid()});
        });
    always.check_fired();
    Result result{map.grid(), {}, {}, true};
    result.complete = std::none_of(outcome.values.begin(), outcome.values.end(), [](const auto& v) { return v.empty(); });
    if (result.complete && layout.padding.empty()) result.effect.mask.clear();
    double clean = mean(denoise ? outcome.source : outcome.base), corrupt = mean(denoise ? outcome.base : outcome.source);
    result.summary = {{"clean", clean}, {"corrupt", corrupt}, {"forward_rows", static_cast<double>(outcome.forward_rows)}};
    check_pairs(outcome, metric, params.prompts, result.warnings);
    if (metric.recovery && clean == corrupt)
        result.warnings.push_back("clean and corrupted runs have the same mean logit difference: recovery is not defined");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(activation_patching, "activation-patching",
                   "Replace slices of one run's activations by another's and measure what that does to the answer")

}  // namespace microtome
