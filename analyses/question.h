// What a metric reads of one pair, in this model's tokens.
#pragma once

#include "analyses/session_impl.h"
#include "hooks/metric.h"

namespace microtome {

/// Answers, foils, the expression's words, and its roles as positions of the clean prompt.
Question question_of(const Session& session, const Metric& metric, const PromptPair& pair, const ResolvedPair& resolved);

}  // namespace microtome
