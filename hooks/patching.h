// Activation patching (Heimersheim & Nanda 2024): every cell is a run with some slices replaced. `patch_loop` runs the whole model for
// each, as TransformerLens' `generic_activation_patch` does: it is the reference that the faster engine (hooks/sweep) must equal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/models/transformer.h"
#include "hooks/edits.h"
#include "hooks/metric.h"

namespace microtome {

class Ranks;

/// Two prompts of equal length: `base` is run and changed, `source` lends its activations.
struct PatchPair {
    std::vector<std::int64_t> base, source;
    Question question;
};

/// Which slice of a site is replaced. -1: all of that axis. Positions are looked up in PatchSweep::places.
struct PatchSlice {
    SiteRef ref{Site::resid_pre, 0};
    int place = -1;  // of a pattern: the destination
    int head = -1;
    int from = -1;  // of a pattern: the source position
};

/// What is replaced together.
using PatchCell = std::vector<PatchSlice>;

/// What is put in: the source run's values; zeros; means over the reference prompts, by position where all are as long as the pair, else
/// over all their tokens; the values of a reference prompt of that length, drawn for each pair.
enum class PatchValue { source, zero, mean, resample };

struct PatchSweep {
    std::vector<PatchPair> pairs;
    std::vector<std::vector<std::vector<std::int64_t>>> places;  // [place][pair] -> positions; none: nothing is patched there
    std::vector<PatchCell> cells;
    Metric metric = parse_metric("logit_diff");
    bool source_is_clean = true;       // denoise: clean values go into the corrupted run
    Edits* always = nullptr;           // interventions that hold in every run; a pair is a prompt
    std::int64_t batch_tokens = 4096;  // rows × length of one forward pass, at most (but at least one row)
    bool skip_unchanged = true;        // a cell whose slices are bit-equal in both runs has the baseline's value: not run
    PatchValue replace = PatchValue::source;
    std::vector<std::vector<std::int64_t>> reference{};  // prompts of `mean` and `resample`
    std::uint64_t seed = 0;                              // of `resample`
    Ranks* ranks = nullptr;  // other processes that run the same sweep: batches are shared out, results are equal
};

struct PatchOutcome {
    std::vector<std::vector<double>> values;  // [cell][pair]; empty: not computed
    std::vector<double> base, source;         // [pair] metric of the two unpatched runs
    std::int64_t forward_rows = 0;            // prompts that went through the model, or a part of it
    std::int64_t chunks = 0;                  // packed passes of a wavefront sweep
    std::vector<std::string> notes;           // what the user should know of how it was done
};

/// Called with the indexes of cells that are finished.
using OnCells = std::function<void(const PatchOutcome&, const std::vector<std::size_t>&)>;

/// Stops between batches when asked to; what is finished stays.
PatchOutcome patch_loop(const Transformer& model, const PatchSweep& sweep, Progress& progress, const OnCells& on_cells = {});

/// Logits at `positions` (rows, n) of ids (rows, pos): (rows, n, d_vocab). A single one is computed twice over, so that its bits are those
/// of one of many.
Tensor logits_at(const Transformer& model, const Tensor& ids, SiteHandler* handler, const Tensor& positions, const Context& context = {});
/// Of the last position: (rows, d_vocab).
Tensor last_logits(const Transformer& model, const Tensor& ids, SiteHandler* handler);

}  // namespace microtome
