// Rewriting weights so that the same function is easier to read (Nanda & Bloom 2022, TransformerLens): norms without weights, a stream and
// logits without a mean, values without a bias. Log-probabilities stay; a switch that would change them is an Error.
#pragma once

#include <string>

#include "core/models/transformer.h"

namespace microtome {

struct Processing {
    bool fold_norms = false;         // norm weights and biases go into the maps that read the normed stream (LayerNorm: those are centred too)
    bool center_writing = false;     // what is written to the stream has no mean; only where every reader is a LayerNorm
    bool center_unembed = false;     // logits have no mean over the vocabulary; not before a soft cap
    bool fold_value_biases = false;  // b_V goes into b_O: each row of a pattern sums to 1
    bool any() const { return fold_norms || center_writing || center_unembed || fold_value_biases; }
    bool operator==(const Processing&) const = default;
};

/// "raw", "processed" (every switch that this model allows, in the order above), or switches with commas: "fold_norms,center_unembed".
/// An Error for anything else, and with the reason for a switch named that would change this model's log-probabilities.
Processing parse_processing(const std::string& text, const ModelConfig& config);
/// Why a switch would change the log-probabilities of such a model, "" where it would not: "fold_norms" …
std::string refusal(const std::string& processing_switch, const ModelConfig& config);

/// Weight and bias of `norm` go into the map that reads the normed stream; of a LayerNorm it is centred too.
void fold_norm(const NormLayer& norm, Linear& reader);

/// The processed model; half precision is processed in float32 and cast back. Weights of `model` are not changed.
Transformer processed(Transformer model, const Processing& processing);

}  // namespace microtome
