// Two runs of a model side by side: the first site where they differ by more than rounding explains.
#pragma once

#include <optional>
#include <vector>

#include "core/models/transformer.h"

namespace microtome {

struct SiteDifference {
    SiteRef ref{Site::embed, -1};
    double error = 0;  // largest |a − b| / (1 + max|b|); infinite where masks or shapes differ
};

struct Divergence {
    std::vector<SiteDifference> sites;  // in the order of the forward pass
    double logprobs = 0;                // of the last step: the largest difference of log-probabilities, / (1 + max|b|)
    const SiteDifference& worst() const;
    std::optional<SiteDifference> first_above(double bound) const;
};

/// Sites whose activations no processing changes: everything that is read through a norm, scores and patterns included. `resid_*`, what
/// heads and MLPs write, and values are moved by it.
bool kept_by_processing(Site site);

/// What rounding in `dtype` explains, as a bound for SiteDifference::error: 84 units in the last place, 1e-5 in float32.
double rounding_bound(at::ScalarType dtype);

/// Runs `other` on ids (batch, pos) and compares with `reference`, which should be the more precise one. `processed`: only sites that
/// processing keeps.
Divergence compare_runs(const Transformer& reference, const Transformer& other, const Tensor& ids, bool processed);

}  // namespace microtome
