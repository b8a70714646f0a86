// What a patched run is judged by: numbers read off its logits. A metric is an expression; the built-in ones are names for expressions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "hooks/expression/metric_expression.h"

namespace microtome {

struct Metric {
    std::string name;  // "logit_diff"; of an expression: its text
    MetricExpression expression;
    std::string unit;
    bool recovery = false;  // told as (m − corrupt) / (clean − corrupt), a ratio of means, taken at the end
    bool diverging = true;  // signed around zero

    bool needs_answer() const { return expression.uses(TokenRef::Kind::answer); }
    bool needs_foil() const { return expression.uses(TokenRef::Kind::foil); }
    bool needs_clean() const { return expression.uses(MetricNode::Kind::kl); }
    bool differentiable() const { return !expression.uses(MetricNode::Kind::rank); }
};

const std::vector<std::string>& metric_names();
/// A built-in metric; an Error lists them.
Metric parse_metric(const std::string& name);
/// "logit(answer) - logit(foil)"; `subject` begins an Error.
Metric metric_of(const std::string& expression, const std::string& subject);
/// The expression if there is one, else the built-in metric.
Metric choose_metric(const std::string& name, const std::string& expression);

/// What the metric of one prompt (pair) reads.
struct Question {
    std::vector<std::int64_t> answers, foils;                  // token ids
    Tensor clean_logits{};                                     // (position read, d_vocab) or (d_vocab): for KL(clean ‖ this run)
    std::map<std::string, std::int64_t> words{};               // ids of the expression's quoted words
    std::map<std::string, std::vector<std::int64_t>> roles{};  // positions of its roles
};

/// One metric of a batch of prompts of equal length. `questions[i]` belongs to row i.
class MetricBatch {
  public:
    MetricBatch(const Metric& metric, std::vector<const Question*> questions, std::int64_t length);

    /// Where the logits are read, (rows, n) int64 on the CPU. A row that reads fewer positions repeats its last one.
    const Tensor& positions() const { return positions_; }
    /// How many of them are row i's own.
    std::int64_t count(std::size_t row) const { return static_cast<std::int64_t>(read_[row].size()); }
    /// The metric of each row, float64 (rows), of the logits there (rows, n, d_vocab), or (rows, d_vocab) for n = 1. Differentiable.
    /// Tokens: `logit` is the mean over its set, `prob` the sum, `logprob` the log of the sum; `rank` counts from 0, ties to the lower id,
    /// and has no gradient.
    Tensor operator()(const Tensor& logits) const;

  private:
    friend class MetricReader;
    Metric metric_;
    std::vector<const Question*> questions_;
    std::vector<std::vector<std::vector<std::int64_t>>> places_;  // [place of the expression][row] -> positions
    std::vector<std::vector<std::int64_t>> read_;                 // [row] -> positions, ascending, each once
    Tensor positions_;
};

/// The metric of each row of `logits` (rows, d_vocab), the last position's.
std::vector<double> measure(const Metric& metric, const Tensor& logits, const std::vector<const Question*>& questions);
std::vector<double> numbers_of(const Tensor& values);

}  // namespace microtome
