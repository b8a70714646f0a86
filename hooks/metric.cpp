#include "hooks/metric.h"

#include <ATen/ATen.h>

#include <array>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

struct BuiltIn {
    const char *name, *expression, *unit;
    bool recovery, diverging;
};

constexpr std::array built_in{
    BuiltIn{"logit_diff", "logit(answer) - logit(foil)", "logit difference", false, true},
    BuiltIn{"logit_diff_recovery", "logit(answer) - logit(foil)", "recovery", true, true},
    BuiltIn{"prob", "prob(answer)", "probability", false, false},
    BuiltIn{"prob_diff", "prob(answer) - prob(foil)", "probability difference", false, true},
    BuiltIn{"logprob", "logprob(answer)", "log probability (nats)", false, false},
    BuiltIn{"kl", "kl()", "KL (nats)", false, false},
    BuiltIn{"rank", "rank(answer)", "rank", false, false},
};

constexpr std::size_t longest_unit = 40;

}  // namespace

const std::vector<std::string>& metric_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const BuiltIn& known : built_in) out.emplace_back(known.name);
        return out;
    }();
    return names;
}

Metric parse_metric(const std::string& name) {
    for (const BuiltIn& known : built_in)
        if (name == known.name)
            return {known.name, parse_metric_expression(known.expression, known.name), known.unit, known.recovery, known.diverging};
    throw Error("metric", "one of " + joined(metric_names()), with_suggestion(name, metric_names()));
}

Metric metric_of(const std::string& expression, const std::string& subject) {
    return {expression, parse_metric_expression(expression, subject), expression.size() <= longest_unit ? expression : "metric", false,
            true};
}

Metric choose_metric(const std::string& name, const std::string& expression) {
    return expression.empty() ? parse_metric(name) : metric_of(expression, "metric_expr");
}

std::vector<double> numbers_of(const Tensor& values) {
    Tensor flat = values.detach().to(at::kCPU, at::kDouble).contiguous();
    return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

std::vector<double> measure(const Metric& metric, const Tensor& logits, const std::vector<const Question*>& questions) {
    return numbers_of(MetricBatch(metric, questions, 1)(logits.detach()));
}

}  // namespace microtome
