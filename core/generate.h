// Continuing a prompt, token by token, with cached keys and values.
#pragma once

#include <functional>

#include "core/base/progress.h"
#include "core/models/transformer.h"

namespace microtome {

struct GenerateOptions {
    int max_new_tokens = 40;
    double temperature = 0;  // 0: the most probable token (ties to the lower id)
    int top_k = 0;           // 0: all
    double top_p = 1;        // nucleus sampling (Holtzman et al. 2020)
    std::int64_t seed = 0;
    std::vector<std::int64_t> stop_ids;
};

/// The new ids; `on_token` sees each as it comes. A full context ends it.
std::vector<std::int64_t> generate(const Transformer& model, const std::vector<std::int64_t>& prompt, const GenerateOptions& options,
                                   Progress& progress, const std::function<void(std::int64_t)>& on_token = {});

/// Probabilities after temperature, top-k and top-p, float64 (d_vocab).
Tensor next_distribution(const Tensor& logits, const GenerateOptions& options);

}  // namespace microtome
