// Activations that are the input times a logistic gate, with the bias before them in the same pass.
#pragma once

#include <vector>

#include "core/kernels/lanes/gate_task.h"
#include "core/tensor.h"

namespace microtome {

/// y / (1 + exp(-(linear·y + cubic·y³))).
struct GateForm {
    double linear = 1, cubic = 0;
};
/// SiLU, also called swish (Elfwing et al. 2017).
constexpr GateForm silu_form{};
/// GELU in its tanh form (Hendrycks & Gimpel 2016): 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)), u = √(2/π) (y + 0.044715 y³).
constexpr GateForm gelu_tanh_form{1.5957691216057308, 0.044715 * 1.5957691216057308};

/// Whether gate_ can take it: dense float32 or float64 on the CPU, without gradients.
bool can_gate(const Tensor& x);
/// x (…, width) := gate of x + bias, in place; `bias` (width) or undefined. Relative error of a few roundings, also far in the tails.
void gate_(const Tensor& x, const Tensor& bias, const GateForm& form);

/// What this processor can run, fastest first; gate_ takes the first one.
const std::vector<const GateLanes*>& gate_lanes();
void gate_(const Tensor& x, const Tensor& bias, const GateForm& form, const GateLanes& lanes);

}  // namespace microtome
