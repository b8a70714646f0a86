// IEEE 754 binary16, the store's half precision, as bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace microtome {

struct Half {
    std::uint16_t bits = 0;
    friend bool operator==(Half, Half) = default;
};

/// Nearest half, ties to even; overflow gives infinity, NaN stays NaN, subnormals are kept. Without branches on the common path.
Half to_half(float value);
/// Rounded once, as numpy does: not through float, which would round twice.
Half to_half(double value);
float to_float(Half half);

void to_half(const float* values, std::size_t count, Half* out);
void to_half(const double* values, std::size_t count, Half* out);
void to_float(const Half* values, std::size_t count, float* out);

}  // namespace microtome
