// The kernels against their references, on this machine: run by the tests and by `microtome selftest`.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "core/tensor.h"

namespace microtome {

struct KernelCheck {
    std::string name;  // "suffix_attention, float32"
    double error = 0;  // the largest |a − b| / (1 + max |b|) over the shapes; NaN: one was not a number
    double allowed = 0;
    int shapes = 0;
};

/// Every kernel in every type over awkward shapes (one token, odd widths, windows, caps, grouped heads, empty rows, unaligned rows).
std::vector<KernelCheck> check_kernels(at::Device device);

}  // namespace microtome
