// Llama's layout, which many later models keep: RMSNorm, rotary positions, gated MLP, grouped queries, under the same tensor names.
#pragma once

#include "core/models/hf_layout.h"

namespace microtome {

/// Sizes, norm, activation, rotary positions and tying, as all of them spell these; what differs is set before `check`.
ModelConfig read_llama_config(JsonReader& json, const char* architecture);

/// Which tensors are which part, by the composition: post-norms, q/k norms, biases; fused projections where the file has them.
Transformer load_llama_layout(const ModelConfig& config, Weights& weights);

}  // namespace microtome
