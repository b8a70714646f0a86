// Attribution patching (Nanda 2023; Kramár et al. 2024): the effect of every patch at once, to first order, from one backward pass.
#pragma once

#include <vector>

#include "hooks/patching.h"

namespace microtome {

struct AttributionOutcome {
    std::vector<std::vector<double>>
        changes;  // [cell][pair]: predicted change of the metric, Σ (source − base) · ∂metric/∂a on the base run
    std::vector<double> base, source;  // [pair] metric of the two runs
    std::vector<std::size_t> pairs;    // whose changes are there, ascending: all, unless it was stopped
};

/// The cells of `sweep` (what they put in, interventions included, is as in `patch_loop`). Equal to the slope of the true patch as its
/// strength goes to 0. The metric must be differentiable. Pairs of one length share a pass; stops between passes, with the pairs that
/// are finished (none, or work shared with other processes: Cancelled).
AttributionOutcome attribute_patches(const Transformer& model, const PatchSweep& sweep, Progress& progress);

/// The sites in as many passes as their gradients need: one where heads read copies of the stream is of what is read through that copy
/// alone.
std::vector<std::vector<SiteRef>> gradient_passes(const std::vector<SiteRef>& refs);

}  // namespace microtome
