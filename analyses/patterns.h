// Attention patterns and values of a batch, and what is computed from them.
#pragma once

#include "core/models/transformer.h"

namespace microtome {

struct HeadPatterns {
    Tensor pattern;  // (layer, batch, head, destination, source)
    Tensor v;        // (layer, batch, source, kv head, d_head)
};

/// One forward pass without gradients; `handler` may change it.
HeadPatterns head_patterns(const Transformer& model, const Tensor& ids, SiteHandler* handler);

/// pattern × ‖v W_O‖ of the source (Kobayashi et al. 2020), or × ‖v‖: shape of `pattern`.
Tensor value_weighted(const Transformer& model, const HeadPatterns& seen, bool through_output);

/// Head detectors on one prompt (TransformerLens' `detect_head`, error measure "mul"): Σ(A∘D) / ΣA for the detector's matrix D.
/// previous token: the sub-diagonal; duplicate token: equal earlier tokens; induction: the tokens after those.
/// first token, self: the first column and the diagonal, of every query but the first.
enum class Detector { previous_token, duplicate_token, induction, first_token, self };
Tensor detector_matrix(Detector detector, const std::vector<std::int64_t>& ids);         // (destination, source) float64
Tensor detector_score(const Tensor& pattern, const Tensor& matrix, bool exclude_first);  // (…, destination, source) -> (…)

/// How widely attention spreads, mean over every query but the first: -Σ A log A in nats, and as a share of the most that so many sources
/// allow, log(p + 1) at position p. (…, destination, source) -> (…); NaN of a single token.
struct AttentionSpread {
    Tensor entropy, share;
};
AttentionSpread attention_spread(const Tensor& pattern);

/// The null of a detector: as many marks in each row as `matrix` has, on sources drawn at random from [first, destination].
Tensor random_marks(const Tensor& matrix, std::int64_t first, class Rng& rng);

}  // namespace microtome
