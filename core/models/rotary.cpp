#include "core/models/rotary.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace microtome {
namespace {

// Angle a position of each pair, (dim/2). The order of operations is the field's, so that float32 rounds alike.
Tensor plain(double base, int dim, const at::TensorOptions& wide) {
    return 1.0 / at::pow(base, at::arange(0, dim, 2, wide) / dim);
}

// Grattafiori et al. 2024 (Llama 3.1): long waves are slowed by `factor`, short ones kept, those between are interpolated.
Tensor llama3(const Rotary& r, const Tensor& frequency) {
    Tensor wave = 2 * std::numbers::pi / frequency;
    double longest = r.original_n_ctx / r.low_frequency, shortest = r.original_n_ctx / r.high_frequency;
    Tensor smooth = (r.original_n_ctx / wave - r.low_frequency) / (r.high_frequency - r.low_frequency);
    Tensor between = (1 - smooth) * frequency / r.factor + smooth * frequency;
    return at::where(wave > longest, frequency / r.factor, at::where(wave < shortest, frequency, between));
}

// YaRN (Peng et al. 2023, section 3.2): a ramp over the dimensions between those that turn beta_fast and beta_slow times in the original
// context.
Tensor yarn(const Rotary& r, const Tensor& frequency, const at::TensorOptions& wide) {
    auto dimension = [&](double turns) {
        return r.dim * std::log(r.original_n_ctx / (turns * 2 * std::numbers::pi)) / (2 * std::log(r.base));
    };
    double low = dimension(r.beta_fast), high = dimension(r.beta_slow);
    if (r.whole_dimensions) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, r.dim - 1.0);
    if (low == high) high += 0.001;
    Tensor stretched = ((at::arange(r.dim / 2, wide) - low) / (high - low)).clamp(0, 1);
    return frequency / r.factor * stretched + frequency * (1 - stretched);
}

Tensor frequencies(const Rotary& r, std::int64_t length, const at::TensorOptions& wide) {
    switch (r.kind) {
        case RotaryKind::plain:
            break;
        case RotaryKind::linear:  // Chen et al. 2023
            return plain(r.base, r.dim, wide) / r.factor;
        case RotaryKind::dynamic: {  // NTK-aware: the base grows with the text
            double stretch =
                r.factor * static_cast<double>(std::max<std::int64_t>(length, r.original_n_ctx)) / r.original_n_ctx - (r.factor - 1);
            return plain(r.base * std::pow(stretch, r.dim / (r.dim - 2.0)), r.dim, wide);
        }
        case RotaryKind::llama3:
            return llama3(r, plain(r.base, r.dim, wide));
        case RotaryKind::yarn:
            return yarn(r, plain(r.base, r.dim, wide), wide);
        case RotaryKind::longrope: {  // Ding et al. 2024
            const auto& factors = length > r.original_n_ctx ? r.long_factors : r.short_factors;
            Tensor divisor = at::tensor(factors, at::kDouble).to(wide.device(), wide.dtype().toScalarType());
            return 1.0 / (divisor * at::pow(r.base, at::arange(0, r.dim, 2, wide) / r.dim));
        }
    }
    return plain(r.base, r.dim, wide);
}

}  // namespace

RotaryAngles rotary_angles(const Rotary& rotary, std::int64_t offset, std::int64_t positions, const Tensor& like) {
    auto wide = like.options().dtype(like.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).requires_grad(false);
    Tensor frequency = frequencies(rotary, offset + positions, wide);
    Tensor angle = (at::arange(offset, offset + positions, wide).unsqueeze(1) * frequency).unsqueeze(1);
    Tensor cos = angle.cos(), sin = angle.sin();
    if (rotary.magnitude != 1) cos = cos * rotary.magnitude, sin = sin * rotary.magnitude;
    return {rotary, offset, positions, cos, sin};
}

Tensor rotate(const Tensor& x, const RotaryAngles& angles) {
    const Rotary& r = angles.rotary;
    Tensor h = x.to(angles.cos.scalar_type());  // halves are widened
    Tensor turning = h.narrow(-1, 0, r.dim), turned;
    if (r.interleaved) {
        Tensor pairs = turning.unflatten(-1, {r.dim / 2, 2}), a = pairs.select(-1, 0), b = pairs.select(-1, 1);
        turned = at::stack({a * angles.cos - b * angles.sin, b * angles.cos + a * angles.sin}, -1).flatten(-2);
    } else {
        Tensor a = turning.narrow(-1, 0, r.dim / 2), b = turning.narrow(-1, r.dim / 2, r.dim / 2);
        turned = at::cat({a * angles.cos - b * angles.sin, b * angles.cos + a * angles.sin}, -1);
    }
    if (r.dim < h.size(-1)) turned = at::cat({turned, h.narrow(-1, r.dim, h.size(-1) - r.dim)}, -1);
    return turned.to(x.scalar_type());
}

bool angles_differ(const Rotary& r, std::int64_t shorter, std::int64_t longer) {
    if (r.kind == RotaryKind::dynamic) return longer > shorter && longer > r.original_n_ctx;
    return r.kind == RotaryKind::longrope && shorter <= r.original_n_ctx && longer > r.original_n_ctx;
}

}  // namespace microtome
