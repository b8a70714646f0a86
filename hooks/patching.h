// Activation patching as the plain loop: every cell runs the whole model with one slice replaced (Heimersheim & Nanda 2024;
// TransformerLens' `generic_activation_patch`). It is the reference that any faster engine must equal.
#pragma once

#include <functional>
#include <vector>

#include "core/base/progress.h"
#include "core/models/transformer.h"
#include "hooks/edits.h"
#include "hooks/metric.h"

namespace microtome {

/// Two prompts of equal length: `base` is run and changed, `source` lends its activations.
struct PatchPair {
    std::vector<std::int64_t> base, source;
    Question question;
};

/// One cell: which slice is replaced. -1: all of that axis. Positions are looked up in PatchSweep::places.
struct PatchSlice {
    SiteRef ref{Site::resid_pre, 0};
    int place = -1;  // of a pattern: the destination
    int head = -1;
    int from = -1;  // of a pattern: the source position
};

struct PatchSweep {
    std::vector<PatchPair> pairs;
    std::vector<std::vector<std::vector<std::int64_t>>> places;  // [place][pair] -> positions
    std::vector<PatchSlice> cells;
    Metric metric = parse_metric("logit_diff");
    bool source_is_clean = true;       // denoise: clean values go into the corrupted run
    Edits* always = nullptr;           // interventions that hold in every run; a pair is a prompt
    std::int64_t batch_tokens = 4096;  // rows × length of one forward pass, at most (but at least one row)
    bool skip_unchanged = true;        // a slice that is bit-equal in both runs has the baseline's value: not run
};

struct PatchOutcome {
    std::vector<std::vector<double>> values;  // [cell][pair]; empty: not computed
    std::vector<double> base, source;         // [pair] metric of the two unpatched runs
    std::int64_t forward_rows = 0;            // prompts that went through the model
};

/// `on_cells(first, last)` is called when the cells [first, last) are finished. Stops between batches when asked to; what is finished
/// stays.
PatchOutcome patch_loop(const Transformer& model, const PatchSweep& sweep, Progress& progress,
                        const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_cells = {});

/// Logits at `positions` (rows, n) of ids (rows, pos): (rows, n, d_vocab). A single one is computed twice over, so that its bits are those
/// of one of many.
Tensor logits_at(const Transformer& model, const Tensor& ids, SiteHandler* handler, const Tensor& positions);
/// Of the last position: (rows, d_vocab).
Tensor last_logits(const Transformer& model, const Tensor& ids, SiteHandler* handler);

}  // namespace microtome
