#include "hooks/store/half.h"

#include <bit>

namespace microtome {
namespace {

inline std::uint16_t round_to_half(std::uint32_t x) {
    const auto sign = static_cast<std::uint16_t>((x >> 16) & 0x8000u);
    std::uint32_t a = x & 0x7fffffffu;
    std::uint32_t normal =
        (a + 0xc8000fffu + ((a >> 13) & 1u)) >> 13;  // rebias 127 to 15, round to nearest even; 65520 carries into infinity
    // Below 2^-14 the sum with 0.5 leaves the half's subnormal bits (unit 2^-24) in the low end of the mantissa, rounded by the adder.
    std::uint32_t tiny = std::bit_cast<std::uint32_t>(std::bit_cast<float>(a) + 0.5f) - 0x3f000000u;
    std::uint32_t special = a > 0x7f800000u ? 0x7e00u | ((a >> 13) & 0x3ffu) : 0x7c00u;
    std::uint32_t bits = a < 0x38800000u ? tiny : a >= 0x47800000u ? special : normal;
    return static_cast<std::uint16_t>(sign | (bits & 0x7fffu));
}

// To float by rounding to odd: the lowest bit remembers that something was cut, so that the second rounding is right.
inline std::uint32_t round_to_odd(double value) {
    const auto nearest = static_cast<float>(value);
    auto bits = std::bit_cast<std::uint32_t>(nearest);
    if (nearest != value && nearest == nearest) {
        const double back = nearest;
        const bool larger = value < 0 ? back < value : back > value;
        if (larger) --bits;  // towards zero; an overflow to infinity becomes the largest float
        bits |= 1u;
    }
    return bits;
}

}  // namespace

Half to_half(float value) {
    return {round_to_half(std::bit_cast<std::uint32_t>(value))};
}

Half to_half(double value) {
    return {round_to_half(round_to_odd(value))};
}

float to_float(Half half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000u) << 16;
    const std::uint32_t a = half.bits & 0x7fffu;
    std::uint32_t normal = (a << 13) + 0x38000000u;
    std::uint32_t tiny = std::bit_cast<std::uint32_t>(static_cast<float>(a) * 0x1p-24f);
    std::uint32_t special = 0x7f800000u | (a << 13);
    return std::bit_cast<float>(sign | (a >= 0x7c00u ? special : a < 0x400u ? tiny : normal));
}

void to_half(const float* values, std::size_t count, Half* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = to_half(values[i]);
}

void to_half(const double* values, std::size_t count, Half* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = to_half(values[i]);
}

void to_float(const Half* values, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = to_float(values[i]);
}

}  // namespace microtome
