// How many numbers a model has, part by part, and how much memory a run of it takes.
#pragma once

#include <vector>

#include "core/models/transformer.h"

namespace microtome {

struct PartCounts {
    std::int64_t embedding = 0, positions = 0, attention = 0, mlp = 0, norms = 0, unembedding = 0;  // a tied unembedding: 0
    std::int64_t total() const { return embedding + positions + attention + mlp + norms + unembedding; }
};
PartCounts count_parts(const Transformer& model);
/// Of one layer: all have the same shapes.
PartCounts count_layer(const Transformer& model);

/// Elements of a site's activation for `batch` rows of `tokens` tokens.
std::int64_t site_elements(const ModelConfig& config, Site site, std::int64_t batch, std::int64_t tokens);

/// Bytes. `activations` is an estimate of what lives at the widest moment of a forward pass without gradients; `sites` what recording
/// keeps.
struct MemoryEstimate {
    std::int64_t weights = 0, activations = 0, sites = 0;
    std::int64_t total() const { return weights + activations + sites; }
};
MemoryEstimate predict_memory(const Transformer& model, std::int64_t batch, std::int64_t tokens, const std::vector<SiteRef>& sites);

/// What an architecture's numbers were checked against, and how closely.
struct Parity {
    const char* architecture;
    const char* reference;
    const char* compared;
    double float32, float64;  // largest |a - b| / (1 + max|b|)
};
/// None for a composition that has no reference of its own.
const Parity* parity_of(const std::string& architecture);

}  // namespace microtome
