// Rotary positions (Su et al. 2021) and the ways of stretching them to longer contexts.
#pragma once

#include <cstdint>

#include "core/config.h"
#include "core/tensor.h"

namespace microtome {

/// Cosines and sines, (pos, 1, dim/2): those of positions offset … offset + n - 1.
struct RotaryAngles {
    Rotary rotary;
    std::int64_t offset = 0, positions = 0;
    Tensor cos, sin;
};

/// For tensors like `like` (float64: float64, else float32) of a text of offset + positions tokens.
RotaryAngles rotary_angles(const Rotary& rotary, std::int64_t offset, std::int64_t positions, const Tensor& like);

/// Turns the first dimensions of x (batch, pos, head, d_head).
Tensor rotate(const Tensor& x, const RotaryAngles& angles);

/// Whether a text of `longer` tokens turns its first `shorter` tokens by other angles than they have on their own.
bool angles_differ(const Rotary& rotary, std::int64_t shorter, std::int64_t longer);

}  // namespace microtome
