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
enum class Detector { previous_token, duplicate_token, induction };
Tensor detector_matrix(Detector detector, const std::vector<std::int64_t>& ids);         // (destination, source) float64
Tensor detector_score(const Tensor& pattern, const Tensor& matrix, bool exclude_first);  // (…, destination, source) -> (…)

}  // namespace microtome
