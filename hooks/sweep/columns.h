// A metric that reads nothing but the logits of named tokens needs only their columns of the unembedding.
#pragma once

#include <optional>
#include <vector>

#include "core/models/transformer.h"
#include "hooks/metric.h"

namespace microtome {

/// Final norm, unembedding and metric of a sweep, over those columns alone.
struct NarrowEnd {
    Transformer end;  // no blocks; d_vocab is the number of columns
    Metric metric;
    std::vector<Question> questions;
};

/// Its logits of a stream (1, tokens, d_model).
Tensor narrow_logits(const NarrowEnd& narrow, const Tensor& x, const Tap& tap);

/// None if the metric reads other things than single logits.
std::optional<NarrowEnd> narrow_end(const Transformer& model, const Metric& metric, const std::vector<Question>& questions);

}  // namespace microtome
