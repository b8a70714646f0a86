// Unwraps tensors and spreads rows and heads over threads; the arithmetic is in core/kernels/lanes.
#include <ATen/ATen.h>

#include <algorithm>

#include "core/kernels/lanes/suffix_task.h"
#include "core/kernels/suffix_attention.h"
#include "core/kernels/usable_lanes.h"
#include "core/parallel.h"

namespace microtome {
namespace {

constexpr std::int64_t least_work = 1 << 16;  // multiplications worth a thread

// Rows as plain numbers.
struct Rows {
    std::vector<std::int64_t> start, first, prompt, query_first, position;

    explicit Rows(const SuffixRows& rows)
        : start(list(rows.start)),
          first(list(rows.first)),
          prompt(list(rows.prompt)),
          query_first(list(rows.query_first)),
          position(list(rows.query_position)) {}

    static std::vector<std::int64_t> list(const Tensor& x) {
        Tensor flat = x.to(at::kCPU, at::kLong).contiguous();
        return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
    }
};

// Vectors are read where they lie: only the last axis has to be dense.
template <class T>
Tensor readable(const Tensor& x) {
    Tensor y = x.to(c10::CppTypeToScalarType<T>::value);
    return y.dim() == 0 || y.stride(-1) == 1 || y.size(-1) == 1 ? y : y.contiguous();
}

template <class T>
class Work {
  public:
    Work(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v, const SuffixRows& rows,
         const AttentionRule& rule)
        : q_(readable<T>(q)),
          k_(readable<T>(k)),
          v_(readable<T>(v)),
          prefix_k_(readable<T>(prefix_k)),
          prefix_v_(readable<T>(prefix_v)),
          z_(at::empty(q.sizes(), q_.options())),
          rows_(rows),
          rule_(rule) {}

    // Tasks are one head of one row each, heads outermost: each thread has rows of all sizes.
    Tensor run(void (*kernel)(const SuffixTask<T>&)) {
        auto n = static_cast<std::int64_t>(rows_.start.size());
        std::int64_t heads = q_.size(1), work = 0;
        for (std::int64_t r = 0; r < n; ++r) work += queries(r) * sources(r) * q_.size(2);
        std::int64_t grain = std::max<std::int64_t>(1, least_work * n / std::max<std::int64_t>(1, work));
        parallel_for(heads * n, grain, [&](std::int64_t from, std::int64_t to) {
            Scratch scratch;
            for (std::int64_t i = from; i < to; ++i)
                if (queries(i % n) > 0) attend(i % n, i / n, scratch, kernel);
        });
        return z_;
    }

  private:
    struct Scratch {
        std::vector<const T*> q, k, v;
        std::vector<T*> z;
        std::vector<T> scores;
    };

    static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
    std::int64_t queries(std::int64_t r) const { return rows_.query_first[at(r) + 1] - rows_.query_first[at(r)]; }
    std::int64_t sources(std::int64_t r) const { return rows_.start[at(r)] + rows_.first[at(r) + 1] - rows_.first[at(r)]; }

    void attend(std::int64_t r, std::int64_t head, Scratch& scratch, void (*kernel)(const SuffixTask<T>&)) const {
        std::int64_t start = rows_.start[at(r)], first = rows_.first[at(r)], n = sources(r), asked = rows_.query_first[at(r)],
                     kv = head / (q_.size(1) / k_.size(1));
        auto list = [&](std::vector<const T*>& out, const Tensor& prefix, const Tensor& own) {
            out.clear();
            const T* before = prefix.const_data_ptr<T>() + rows_.prompt[at(r)] * prefix.stride(0) + kv * prefix.stride(2);
            const T* after = own.const_data_ptr<T>() + first * own.stride(0) + kv * own.stride(1);
            for (std::int64_t s = 0; s < start; ++s) out.push_back(before + s * prefix.stride(1));
            for (std::int64_t s = 0; s < n - start; ++s) out.push_back(after + s * own.stride(0));
        };
        list(scratch.k, prefix_k_, k_);
        list(scratch.v, prefix_v_, v_);
        scratch.q.clear(), scratch.z.clear();
        for (std::int64_t i = asked; i < asked + queries(r); ++i) {
            scratch.q.push_back(q_.const_data_ptr<T>() + i * q_.stride(0) + head * q_.stride(1));
            scratch.z.push_back(z_.mutable_data_ptr<T>() + i * z_.stride(0) + head * z_.stride(1));
        }
        scratch.scores.resize(std::max(scratch.scores.size(), at(suffix_block * (n + suffix_slack))));
        kernel({scratch.q.data(), scratch.z.data(), rows_.position.data() + asked, scratch.k.data(), scratch.v.data(), queries(r),
                q_.size(2), rule_.window, static_cast<T>(rule_.scale), static_cast<T>(rule_.cap), scratch.scores.data()});
    }

    Tensor q_, k_, v_, prefix_k_, prefix_v_, z_;
    Rows rows_;
    AttentionRule rule_;
};

}  // namespace

const std::vector<const SuffixLanes*>& suffix_lanes() {
    static const auto usable = usable_lanes(suffix_lanes_avx512(), suffix_lanes_avx2(), suffix_lanes_plain());
    return usable;
}

Tensor suffix_attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                            const SuffixRows& rows, const AttentionRule& rule, const SuffixLanes& lanes) {
    if (q.scalar_type() == at::kDouble) return Work<double>(q, k, v, prefix_k, prefix_v, rows, rule).run(lanes.run_double);
    return Work<float>(q, k, v, prefix_k, prefix_v, rows, rule).run(lanes.run_float).to(q.scalar_type());
}

}  // namespace microtome
