// The logit lens of several runs over prompts of one length, side by side, and what changed between two of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "analyses/analysis.h"
#include "analyses/session_impl.h"

namespace microtome {

struct LensRun {
    std::string name;
    const std::vector<Tensor>* stream;  // by layer: resid_post (pos, d_model), in the model's dtype and on its device
};

/// Axes run, layer, position; a difference lacks the run. Cells of `top` stand for the likeliest token, those of its difference for the
/// token whose probability changed most (the second run's likeliest where nothing changed).
struct LensComparison {
    Grid top, top_difference;
    std::optional<Grid> answer, answer_difference;  // probability of the answers together; none without one
    std::optional<Grid> margin, margin_difference;  // logit of the answers minus the foils', means; none without both
};

struct LensQuestion {
    std::vector<LensRun> runs;
    std::size_t from, to;                // the difference is runs[to] − runs[from]
    std::vector<std::string> positions;  // labels, of all runs
    std::vector<std::string> changed;    // labels of the difference
};

/// Every stream is read with the final norm's own mean and scale (nostalgebraist 2020), as `logit-lens --norm final` does.
LensComparison compare_lenses(const Session& session, const ResolvedPair& pair, const LensQuestion& question, RunProgress& progress);

}  // namespace microtome
