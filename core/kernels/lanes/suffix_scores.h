// Scores of one row and one head, and their softmax, in vectors of `bytes` bytes.
#pragma once

#include "core/kernels/lanes/suffix_task.h"
#include "core/kernels/lanes/vectors.h"

namespace microtome {
namespace {

template <class T, int bytes>
struct SuffixScores {
    using L = Lanes<T, bytes>;
    using V = typename L::V;
    static constexpr int n = L::n, keys = n < 4 ? n : 4, queries = n / keys;  // dots that fill one vector

    // out[i][s] = q[i] · k[s] for `queries` queries and `keys` sources.
    static void dots(const T* const* q, const T* const* k, std::int64_t d, T* out) {
        V sum[n] = {};
        std::int64_t e = 0;
        for (; e + n <= d; e += n) {
            V key[keys];
            for (int j = 0; j < keys; ++j) key[j] = L::load(k[j] + e);
            for (int i = 0; i < queries; ++i) {
                V query = L::load(q[i] + e);
                for (int j = 0; j < keys; ++j) sum[i * keys + j] += query * key[j];
            }
        }
        L::store(out, L::sums(sum));
        for (; e < d; ++e)
            for (int i = 0; i < n; ++i) out[i] += q[i / keys][e] * k[i % keys][e];
    }

    // Scores of `count` (at most suffix_block) queries with the sources from `low` to before `high`.
    static void score(const SuffixTask<T>& task, std::int64_t first, std::int64_t count, std::int64_t low, std::int64_t high,
                      std::int64_t stride) {
        for (std::int64_t at = 0; at < count; at += queries) {
            const T* q[queries];
            for (int i = 0; i < queries; ++i) q[i] = task.q[first + (at + i < count ? at + i : count - 1)];
            for (std::int64_t s = low; s < high; s += keys) {
                const T* k[keys];
                for (int j = 0; j < keys; ++j) k[j] = task.k[s + j < high ? s + j : high - 1];
                T out[n];
                dots(q, k, task.d_head, out);
                for (int i = 0; i < queries && at + i < count; ++i)
                    for (int j = 0; j < keys && s + j < high; ++j) task.scores[(at + i) * stride + s + j] = out[i * keys + j] * task.scale;
            }
        }
    }

    // Scores -> exp(score - largest); returns their sum. A NaN among them makes all of the query NaN. What lies behind the scores, up to a
    // vector's length, is overwritten.
    static T weigh(T* x, std::int64_t count, T cap) {
        if (cap > T(0))
            for (std::int64_t i = 0; i < count; i += n) L::store(x + i, tanh_of<L>(L::load(x + i) / cap) * cap);
        const T none = -static_cast<T>(__builtin_inf());
        L::store(x + count, L::all(none));
        V most = L::all(none), sum = {};
        for (std::int64_t i = 0; i < count; i += n) {
            V y = L::load(x + i);
            most = y > most ? y : most;
        }
        T largest = none, total = 0;
        for (int j = 0; j < n; ++j) largest = most[j] > largest ? most[j] : largest;
        for (std::int64_t i = 0; i < count; i += n) {
            V y = exp_of<L>(L::load(x + i) - largest);
            L::store(x + i, y);
            sum += y;
        }
        for (int j = 0; j < n; ++j) total += sum[j];
        return total;
    }
};

}  // namespace
}  // namespace microtome
