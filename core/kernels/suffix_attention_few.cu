// Rows of few queries, the usual ones of a sweep: G lanes hold one head of up to four queries of one row, each lane a few numbers of
// d_head; keys and values pass by once, with an online softmax (Milakov & Gimelshein 2018). The products of queries and keys are summed
// over the lanes so that each lane ends with its own share of the scores, and no weight is computed twice.
#include "core/kernels/cuda.cuh"

namespace microtome::cuda {
namespace {

constexpr int threads = 128, queries = few_queries;

// Element c · 4 + i of a lane is number c · 4G + lane · 4 + i of d_head: lanes read side by side.
template <class T, int G, int C, bool aligned>
struct Lane {
    int first, d_head;

    __device__ __forceinline__ Lane(int lane, int width) : first(lane * 4), d_head(width) {}
    __device__ __forceinline__ void load(wide_t<T> (&x)[C * 4], const T* from) const {
#pragma unroll
        for (int c = 0; c < C; ++c) {
            const int at = c * 4 * G + first;
            if (aligned) {
                Pack<T, 4> pack{};
                if (at < d_head) pack = *reinterpret_cast<const Pack<T, 4>*>(from + at);
#pragma unroll
                for (int i = 0; i < 4; ++i) x[c * 4 + i] = widen(pack.at[i]);
            } else {
#pragma unroll
                for (int i = 0; i < 4; ++i) x[c * 4 + i] = at + i < d_head ? wide_t<T>(widen(from[at + i])) : wide_t<T>(0);
            }
        }
    }
    __device__ __forceinline__ void store(T* to, const wide_t<T> (&x)[C * 4], wide_t<T> factor) const {
#pragma unroll
        for (int c = 0; c < C; ++c) {
            const int at = c * 4 * G + first;
            if (aligned) {
                Pack<T, 4> pack;
#pragma unroll
                for (int i = 0; i < 4; ++i) pack.at[i] = narrowed<T>(x[c * 4 + i] * factor);
                if (at < d_head) *reinterpret_cast<Pack<T, 4>*>(to + at) = pack;
            } else {
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    if (at + i < d_head) to[at + i] = narrowed<T>(x[c * 4 + i] * factor);
            }
        }
    }
};

// Sums of N numbers over the G lanes of a group; lane l ends with sums l · N/G … of them in x[0] … (with one sum if N < G: l · N / G).
template <int N, int G, class W>
__device__ __forceinline__ void share_out(W (&x)[N], int lane, unsigned group) {
    int half = N / 2;
#pragma unroll
    for (int step = G / 2; step > 0; step /= 2) {
        const bool upper = (lane & step) != 0;
        if (half >= 1) {
#pragma unroll
            for (int i = 0; i < N / 2; ++i) {
                if (i >= half) break;
                const W other = upper ? x[i] : x[i + half], mine = upper ? x[i + half] : x[i];
                x[i] = mine + __shfl_xor_sync(group, other, step);
            }
            half /= 2;
        } else {
            x[0] += __shfl_xor_sync(group, x[0], step);
        }
    }
}

// The row's sources as one head sees them.
template <class T>
struct Source {
    const T *prefix, *own;  // own: as if the row began at position 0 (only positions from `start` on are read)
    std::int64_t prefix_step, own_step;
    __device__ __forceinline__ const T* at(int s, int start) const { return s < start ? prefix + s * prefix_step : own + s * own_step; }
};

// K: keys at a time; C: packs of 4 numbers a lane; B: blocks that a multiprocessor is to hold.
template <class T, int G, int C, int K, bool aligned, int B = 1>
__global__ void __launch_bounds__(threads, B) few(SuffixAttention p) {
    using W = wide_t<T>;
    constexpr int N = queries * K, own = N > G ? N / G : 1, copies = N < G ? G / N : 1, mates = G / queries;  // mates: lanes of a query
    const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * (threads / G) + threadIdx.x / G;
    const bool there = item < p.n_tasks * p.heads;  // all lanes stay for the shuffles
    const std::int64_t task_index = there ? item / p.heads : 0;
    const int head = there ? static_cast<int>(item % p.heads) : 0, lane = threadIdx.x % G, kv = head / (p.heads / p.kv_heads);
    const SuffixTask task = p.tasks[task_index];
    const Lane<T, G, C, aligned> part(lane, p.d_head);
    W q[queries][C * 4], z[queries][C * 4];
    const int mine = lane / mates;  // the query whose scores this lane has
    const int position = mine < task.queries ? p.position[task.query + mine] : -1;
    int last = position, first = mine < task.queries ? (p.window > 0 ? position - p.window + 1 : 0) : 0x7fffffff;
    // Other groups of the warp may have more keys; each group shuffles among its own lanes.
    const unsigned group = G == 32 ? 0xffffffffu : ((1u << G % 32) - 1u) << (threadIdx.x % 32 / G * G);
#pragma unroll
    for (int step = mates; step < G; step *= 2) {
        last = max(last, __shfl_xor_sync(group, last, step));
        first = min(first, __shfl_xor_sync(group, first, step));
    }
    first = max(first, 0);
#pragma unroll
    for (int i = 0; i < queries; ++i) {
        const std::int64_t query = task.query + (i < task.queries ? i : 0);
        part.load(q[i], static_cast<const T*>(p.q) + query * p.q_token + head * p.q_head);
#pragma unroll
        for (int e = 0; e < C * 4; ++e) q[i][e] *= static_cast<W>(p.scale), z[i][e] = W(0);
    }
    const std::int64_t offset = static_cast<std::int64_t>(task.first) - task.start;
    const Source<T> keys{static_cast<const T*>(p.prefix_k) + task.prompt * p.pk_prompt + kv * p.pk_head,
                         static_cast<const T*>(p.k) + offset * p.k_token + kv * p.k_head, p.pk_position, p.k_token};
    const Source<T> values{static_cast<const T*>(p.prefix_v) + task.prompt * p.pv_prompt + kv * p.pv_head,
                           static_cast<const T*>(p.v) + offset * p.v_token + kv * p.v_head, p.pv_position, p.v_token};
    W most = W(-INFINITY), sum = W(0);
    for (int s = first; s <= last; s += K) {
        W k[K][C * 4], v[K][C * 4], score[N];
#pragma unroll
        for (int j = 0; j < K; ++j) {
            const int at = min(s + j, last);
            part.load(k[j], keys.at(at, task.start));
            part.load(v[j], values.at(at, task.start));
        }
#pragma unroll
        for (int i = 0; i < N; ++i) {
            W dot = W(0);
#pragma unroll
            for (int e = 0; e < C * 4; ++e) dot += q[i / K][e] * k[i % K][e];
            score[i] = dot;
        }
        share_out<N, G>(score, lane, group);
        W largest = most;
#pragma unroll
        for (int r = 0; r < own; ++r) {
            if (p.cap > 0) score[r] = static_cast<W>(p.cap) * tanh(score[r] / static_cast<W>(p.cap));
            const int at = s + (lane * N / G + r) % K;
            if (at > position || (p.window > 0 && at <= position - p.window)) score[r] = W(-INFINITY);
            largest = largest > score[r] ? largest : score[r];
        }
#pragma unroll
        for (int step = copies; step < mates; step *= 2) {
            const W other = __shfl_xor_sync(group, largest, step);
            largest = largest > other ? largest : other;
        }
        const W base = largest == -INFINITY ? W(0) : largest, factor = exponential(most - base);
        most = largest, sum *= factor;
#pragma unroll
        for (int r = 0; r < own; ++r) {
            score[r] = exponential(score[r] - base);
            sum += score[r];
        }
#pragma unroll
        for (int i = 0; i < queries; ++i) {
            const W rescale = __shfl_sync(group, factor, i * mates, G);
#pragma unroll
            for (int e = 0; e < C * 4; ++e) z[i][e] *= rescale;
#pragma unroll
            for (int j = 0; j < K; ++j) {
                const W weight = __shfl_sync(group, score[(i * K + j) % own], (i * K + j) * copies / own, G);
#pragma unroll
                for (int e = 0; e < C * 4; ++e) z[i][e] += weight * v[j][e];
            }
        }
    }
#pragma unroll
    for (int step = copies; step < mates; step *= 2) sum += __shfl_xor_sync(group, sum, step);
    const W inverse = W(1) / sum;
#pragma unroll
    for (int i = 0; i < queries; ++i) {
        const W factor = __shfl_sync(group, inverse, i * mates, G);
        if (there && i < task.queries)
            part.store(static_cast<T*>(p.z) + ((static_cast<std::int64_t>(task.query) + i) * p.heads + head) * p.d_head, z[i], factor);
    }
}

template <class T, int G, int C>
void launch(const SuffixAttention& x, Stream stream) {
    constexpr int keys = sizeof(T) == 8 ? 2 : 4;
    const unsigned blocks = blocks_for(x.n_tasks * x.heads, threads / G, "suffix_attention");
    if (x.aligned)
        few<T, G, C, keys, true><<<blocks, threads, 0, stream>>>(x);
    else
        few<T, G, C, keys, false><<<blocks, threads, 0, stream>>>(x);
    check(cudaGetLastError(), "suffix_attention");
}

}  // namespace

void suffix_attention_few(const SuffixAttention& x, Number type, Stream stream) {
    if (x.n_tasks == 0) return;
    with_type(type, [&](auto number) {
        using T = decltype(number);
        constexpr int packs = sizeof(T) == 8 ? 1 : 2;  // registers
        if (x.d_head <= 32)
            launch<T, 8, 1>(x, stream);
        else if (x.d_head <= 64)
            launch<T, 16 / packs, packs>(x, stream);
        else if (x.d_head <= 128)
            launch<T, 32 / packs, packs>(x, stream);
        else
            launch<T, 32, 2>(x, stream);
    });
}

}  // namespace microtome::cuda
