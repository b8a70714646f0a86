// Attention of one row and one head in vectors of `bytes` bytes; included by one source an instruction set.
#pragma once

#include "core/kernels/lanes/suffix_scores.h"

namespace microtome {
namespace {

template <class T, int bytes>
struct SuffixAttention : SuffixScores<T, bytes> {
    using L = Lanes<T, bytes>;
    using V = typename L::V;
    using SuffixScores<T, bytes>::score;
    using SuffixScores<T, bytes>::weigh;
    static constexpr int n = L::n;
    static constexpr int wide = bytes > 16 ? 4 : 2;  // vectors of a value held at once

    // z[i] += Σ_s w[i][s] v[s] over `count` sources; one rounding a source, in their order, whatever the block.
    template <int q, int vectors>
    static void add_part(const T* const* w, const T* const* v, std::int64_t count, std::int64_t e, T* const* z) {
        V sum[q][vectors];
        for (int i = 0; i < q; ++i)
            for (int j = 0; j < vectors; ++j) sum[i][j] = L::load(z[i] + e + j * n);
        for (std::int64_t s = 0; s < count; ++s) {
            V value[vectors];
            for (int j = 0; j < vectors; ++j) value[j] = L::load(v[s] + e + j * n);
            for (int i = 0; i < q; ++i)
                for (int j = 0; j < vectors; ++j) sum[i][j] += w[i][s] * value[j];
        }
        for (int i = 0; i < q; ++i)
            for (int j = 0; j < vectors; ++j) L::store(z[i] + e + j * n, sum[i][j]);
    }
    template <int q>
    static void add(const T* const* w, const T* const* v, std::int64_t count, std::int64_t d, T* const* z) {
        if (count <= 0) return;
        std::int64_t e = 0;
        for (; e + wide * n <= d; e += wide * n) add_part<q, wide>(w, v, count, e, z);
        for (; e + n <= d; e += n) add_part<q, 1>(w, v, count, e, z);
        for (; e < d; ++e)
            for (int i = 0; i < q; ++i) {
                T sum = z[i][e];
                for (std::int64_t s = 0; s < count; ++s) sum += w[i][s] * v[s][e];
                z[i][e] = sum;
            }
    }

    // Sources that some query of the block may not read are never touched for it: 0 · NaN would be NaN.
    static void block(const SuffixTask<T>& task, std::int64_t first, std::int64_t count, std::int64_t stride) {
        std::int64_t low[suffix_block], high[suffix_block], least = 0, most = 0, from = 0, to = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            high[i] = task.position[first + i] + 1;
            low[i] = task.window > 0 && high[i] > task.window ? high[i] - task.window : 0;
            least = i == 0 || low[i] < least ? low[i] : least;
            most = i == 0 || high[i] > most ? high[i] : most;
            from = i == 0 || low[i] > from ? low[i] : from;
            to = i == 0 || high[i] < to ? high[i] : to;
        }
        score(task, first, count, least, most, stride);
        if (count < suffix_block || to < from) from = to = most;  // no part that all of a whole block read
        T total[suffix_block];
        const T* shared[suffix_block];
        for (std::int64_t i = 0; i < count; ++i) {
            T *w = task.scores + i * stride, *z = task.z[first + i];
            total[i] = weigh(w + low[i], high[i] - low[i], task.cap);
            shared[i] = w + from;
            for (std::int64_t e = 0; e < task.d_head; ++e) z[e] = 0;
            const T* own = w + low[i];
            add<1>(&own, task.v + low[i], (from < high[i] ? from : high[i]) - low[i], task.d_head, &z);
        }
        if (count == suffix_block) add<suffix_block>(shared, task.v + from, to - from, task.d_head, task.z + first);
        for (std::int64_t i = 0; i < count; ++i) {
            T* z = task.z[first + i];
            const T* own = task.scores + i * stride + to;
            add<1>(&own, task.v + to, high[i] - to, task.d_head, &z);
            for (std::int64_t e = 0; e < task.d_head; ++e) z[e] /= total[i];
        }
    }

    static void run(const SuffixTask<T>& task) {
        std::int64_t stride = 0;
        for (std::int64_t i = 0; i < task.queries; ++i) stride = task.position[i] + 1 > stride ? task.position[i] + 1 : stride;
        for (std::int64_t i = 0; i < task.queries; i += suffix_block)
            block(task, i, i + suffix_block < task.queries ? suffix_block : task.queries - i, stride + n);
    }
};

template <int bytes>
constexpr SuffixLanes lanes_of(const char* name) {
    return {name, SuffixAttention<float, bytes>::run, SuffixAttention<double, bytes>::run};
}

}  // namespace
}  // namespace microtome
