#include "hooks/metric.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"

namespace microtome {
namespace {

double mean_of(const double* row, const std::vector<std::int64_t>& ids) {
    double sum = 0;
    for (std::int64_t id : ids) sum += row[id];
    return sum / static_cast<double>(ids.size());
}

double log_sum_exp(const double* row, std::int64_t n) {
    double most = *std::max_element(row, row + n), sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += std::exp(row[i] - most);
    return most + std::log(sum);
}

double probability_of(const double* row, double lse, const std::vector<std::int64_t>& ids) {
    double sum = 0;
    for (std::int64_t id : ids) sum += std::exp(row[id] - lse);
    return sum;
}

// KL(clean ‖ patched) = Σ p (log p − log q)
double divergence(const double* clean, const double* patched, std::int64_t n) {
    double lse_p = log_sum_exp(clean, n), lse_q = log_sum_exp(patched, n), sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        double log_p = clean[i] - lse_p;
        sum += std::exp(log_p) * (log_p - (patched[i] - lse_q));
    }
    return sum;
}

// How many tokens come before the best answer; from 0, ties to the lower id.
double rank_of(const double* row, std::int64_t n, const std::vector<std::int64_t>& answers) {
    std::int64_t best = n;
    for (std::int64_t id : answers) {
        std::int64_t before = 0;
        for (std::int64_t i = 0; i < n; ++i) before += row[i] > row[id] || (row[i] == row[id] && i < id);
        best = std::min(best, before);
    }
    return static_cast<double>(best);
}

double one(MetricKind kind, const double* row, std::int64_t n, const Question& q) {
    switch (kind) {
        case MetricKind::logit_diff:
        case MetricKind::logit_diff_recovery:
            return mean_of(row, q.answers) - mean_of(row, q.foils);
        case MetricKind::prob:
            return probability_of(row, log_sum_exp(row, n), q.answers);
        case MetricKind::prob_diff: {
            double lse = log_sum_exp(row, n);
            return probability_of(row, lse, q.answers) - probability_of(row, lse, q.foils);
        }
        case MetricKind::logprob:
            return std::log(probability_of(row, log_sum_exp(row, n), q.answers));
        case MetricKind::kl: {
            Tensor clean = q.clean_logits.to(at::kCPU, at::kDouble).contiguous();
            return divergence(clean.const_data_ptr<double>(), row, n);
        }
        case MetricKind::rank:
            return rank_of(row, n, q.answers);
    }
    return 0;
}

}  // namespace

const std::vector<std::string>& metric_names() {
    static const std::vector<std::string> names{"logit_diff", "logit_diff_recovery", "prob", "prob_diff", "logprob", "kl", "rank"};
    return names;
}

MetricKind parse_metric(const std::string& name) {
    const auto& names = metric_names();
    auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end())
        throw Error("metric", "one of logit_diff, logit_diff_recovery, prob, prob_diff, logprob, kl, rank", "\"" + name + "\"");
    return static_cast<MetricKind>(at - names.begin());
}

const char* unit_of(MetricKind kind) {
    return std::array{"logit difference",       "recovery",  "probability", "probability difference",
                      "log probability (nats)", "KL (nats)", "rank"}
        .at(static_cast<std::size_t>(kind));
}

bool needs_foil(MetricKind kind) {
    return kind == MetricKind::logit_diff || kind == MetricKind::logit_diff_recovery || kind == MetricKind::prob_diff;
}

std::vector<double> measure(MetricKind kind, const Tensor& logits, const std::vector<const Question*>& questions) {
    Tensor rows = logits.detach().to(at::kCPU, at::kDouble).contiguous();
    const auto* data = rows.const_data_ptr<double>();
    std::int64_t n = rows.size(1);
    std::vector<double> out;
    for (const Question* q : questions) {
        out.push_back(one(kind, data, n, *q));
        data += n;
    }
    return out;
}

}  // namespace microtome
