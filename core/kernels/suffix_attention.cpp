#include "core/kernels/suffix_attention.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/table.h"

namespace microtome {

Tensor suffix_attention_reference(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& prefix_k_, const Tensor& prefix_v_,
                                  const SuffixRows& rows, const AttentionRule& rule) {
    auto wide = [](const Tensor& x) { return x.to(at::kCPU, at::kDouble); };
    Tensor q_wide = wide(q_), k_wide = wide(k_), v_wide = wide(v_), pk_wide = wide(prefix_k_), pv_wide = wide(prefix_v_);
    auto q = q_wide.accessor<double, 3>(), k = k_wide.accessor<double, 3>(), v = v_wide.accessor<double, 3>();
    auto prefix_k = pk_wide.accessor<double, 4>(), prefix_v = pv_wide.accessor<double, 4>();
    auto list = [](const Tensor& x) { return x.to(at::kCPU, at::kInt); };
    Tensor start_ = list(rows.start), first_ = list(rows.first), prompt_ = list(rows.prompt), query_first_ = list(rows.query_first),
           place_ = list(rows.query_position);
    auto start = start_.accessor<int, 1>(), first = first_.accessor<int, 1>(), prompt = prompt_.accessor<int, 1>(),
         query_first = query_first_.accessor<int, 1>(), place = place_.accessor<int, 1>();
    Tensor z_ = at::zeros(q_.sizes(), at::TensorOptions().dtype(at::kDouble));
    auto z = z_.accessor<double, 3>();
    std::int64_t d_head = q_.size(2), group = q_.size(1) / k_.size(1);
    for (std::int64_t r = 0; r < start.size(0); ++r)
        for (std::int64_t i = query_first[r]; i < query_first[r + 1]; ++i)
            for (std::int64_t h = 0; h < q_.size(1); ++h) {
                auto key = [&](std::int64_t s) {
                    return s < start[r] ? prefix_k[prompt[r]][s][h / group] : k[first[r] + s - start[r]][h / group];
                };
                auto value = [&](std::int64_t s) {
                    return s < start[r] ? prefix_v[prompt[r]][s][h / group] : v[first[r] + s - start[r]][h / group];
                };
                std::int64_t last = place[i], from = rule.window > 0 ? std::max<std::int64_t>(0, last - rule.window + 1) : 0;
                std::vector<double> weight;
                double most = -INFINITY, total = 0;
                for (std::int64_t s = from; s <= last; ++s) {
                    double score = 0;
                    for (std::int64_t e = 0; e < d_head; ++e) score += q[i][h][e] * key(s)[e];
                    score *= rule.scale;
                    weight.push_back(rule.cap > 0 ? rule.cap * std::tanh(score / rule.cap) : score);
                    most = std::max(most, weight.back());
                }
                for (double& w : weight) total += w = std::exp(w - most);
                for (std::int64_t s = from; s <= last; ++s)
                    for (std::int64_t e = 0; e < d_head; ++e)
                        z[i][h][e] += weight[static_cast<std::size_t>(s - from)] / total * value(s)[e];
            }
    return z_.to(q_.options());
}

Tensor suffix_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                        const SuffixRows& rows, const AttentionRule& rule) {
    bool gradients = false;
    for (const Tensor* x : {&q, &k, &v, &prefix_k, &prefix_v}) gradients = gradients || x->requires_grad();
    gradients = gradients && c10::GradMode::is_enabled();
    if (q.is_cuda() && !gradients && cuda_kernels()) {
        Tensor z = cuda_kernels()->suffix_attention(q, k, v, prefix_k, prefix_v, rows, rule);
        if (z.defined()) return z;
    }
    if (q.is_cpu() && !gradients) return suffix_attention_cpu(q, k, v, prefix_k, prefix_v, rows, rule, *suffix_lanes().front());
    return suffix_attention_torch(q, k, v, prefix_k, prefix_v, rows, rule);
}

}  // namespace microtome
