// The wavefront sweep: the whole map of activation patching in a few passes over the layers, equal to the plain loop.
#pragma once

#include "hooks/patching.h"

namespace microtome {

/// A patch at layer l and position p changes nothing before layer l and, under a causal mask, nothing before position p. So base and source
/// run once; a cell that differs nowhere where the metric looks has the baseline's value; any other is a row that joins the packed batch in
/// its layer, as late in it as its site allows, with the base run's values there and with its tokens from the first changed one on; in the
/// last layer only the tokens that the metric reads go on. Stops between layers when asked to; cells of finished chunks stay.
/// `sweep.always` must be empty: interventions can depend on whole prompts (`patch_loop` runs them).
PatchOutcome patch_sweep(const Transformer& model, const PatchSweep& sweep, Progress& progress, const OnCells& on_cells = {});

/// About how much memory it takes beside the weights: what is kept of the unpatched runs, and one chunk.
std::int64_t sweep_bytes(const Transformer& model, const PatchSweep& sweep);

}  // namespace microtome
