// What metrics read off logits, without keeping more than they ask for.
#pragma once

#include "core/tensor.h"

namespace microtome {

struct LogitReading {
    Tensor log_sum;     // (rows) float64: log Σ_v exp(logit_v)
    Tensor divergence;  // (rows) float64: KL(clean ‖ this) = Σ_v p_v (log p_v − log q_v); undefined without a clean run
};

/// logits (rows, d_vocab), clean the same or undefined; tokens of probability 0 add nothing to the divergence. No gradient.
LogitReading read_logits(const Tensor& logits, const Tensor& clean = {});
/// The same in float64, token by token.
LogitReading read_logits_reference(const Tensor& logits, const Tensor& clean = {});

/// LayerNorm (centred) or RMSNorm before the unembedding; factor and shift (width) or undefined.
struct FinalNorm {
    bool normed = true, centred = true;
    double eps = 1e-5;
    Tensor factor, shift;
};

/// Logits of a few tokens: cap · tanh(l / cap) (cap 0: l) of l = norm(x) · columns + bias. x (rows, width), columns (width, count), bias
/// (count) or undefined -> (rows, count). No gradient.
Tensor logit_columns(const Tensor& x, const FinalNorm& norm, const Tensor& columns, const Tensor& bias, double cap);
/// The same in float64, number by number.
Tensor logit_columns_reference(const Tensor& x, const FinalNorm& norm, const Tensor& columns, const Tensor& bias, double cap);

}  // namespace microtome
