// The contraction of attribution patching (Nanda 2023): Σ (source − base) · gradient, for many sites at once.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace microtome {

/// Three tensors of one shape; the last `axes` of it are summed.
struct AttributionSite {
    Tensor source, base, gradient;
    int axes = 1;
};

/// Of each site, in the shape that is left, float64, on the sites' device. Equal entries differ by 0, infinite ones too (masked scores).
/// All sites have one type. No gradient.
std::vector<Tensor> attribution_sweep(const std::vector<AttributionSite>& sites);
/// The same in float64, number by number, on the CPU.
std::vector<Tensor> attribution_sweep_reference(const std::vector<AttributionSite>& sites);

}  // namespace microtome
