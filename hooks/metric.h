// What a patched run is judged by: numbers read off the logits of the last position.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace microtome {

enum class MetricKind { logit_diff, logit_diff_recovery, prob, prob_diff, logprob, kl, rank };

const std::vector<std::string>& metric_names();
MetricKind parse_metric(const std::string& name);
/// "logit difference", "probability", "nats", "rank", "recovery"
const char* unit_of(MetricKind kind);
bool needs_foil(MetricKind kind);

/// What the metric of one prompt pair reads.
struct Question {
    std::vector<std::int64_t> answers, foils;  // token ids; logit metrics average, probability metrics sum over them
    Tensor clean_logits;                       // (d_vocab), for KL(clean ‖ patched)
};

/// The metric of each row of `logits` (rows, d_vocab); `questions[i]` belongs to row i. logit_diff_recovery yields the logit difference:
/// recovery is a ratio of means, taken at the end. Sums in float64.
std::vector<double> measure(MetricKind kind, const Tensor& logits, const std::vector<const Question*>& questions);

}  // namespace microtome
