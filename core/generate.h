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
    std::vector<std::int64_t> stop_ids;  // end the text; not part of it
    bool use_cache = true;               // false: the whole text runs at each step, to the same result
    bool run_last = false;               // the last token goes through the model too, so that `watch` sees the whole text
};

/// What looks at or changes each pass.
struct GenerateWatch {
    SiteHandler* handler = nullptr;
    std::function<void(const Tensor& ids, std::int64_t offset)> before{};  // ids (1, n) are about to run, the first at position `offset`
};

enum class GenerateEnd { length, stop_id, told, context, cancelled };

struct Generated {
    std::vector<std::int64_t> ids;  // the new ones
    GenerateEnd end = GenerateEnd::length;
};

/// `on_token` sees each new id as it comes; false ends the text after it.
Generated generate(const Transformer& model, const std::vector<std::int64_t>& prompt, const GenerateOptions& options, Progress& progress,
                   const std::function<bool(std::int64_t)>& on_token = {}, const GenerateWatch& watch = {});

/// Probabilities after temperature, top-k and top-p, float64 (d_vocab).
Tensor next_distribution(const Tensor& logits, const GenerateOptions& options);

}  // namespace microtome
