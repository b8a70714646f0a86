// Rows of many queries: a block takes up to 128 queries of one head of one row and walks over its sources in tiles (FlashAttention, Dao et
// al. 2022, with scalar multiply-adds in float32: tensor cores would round the operands). Queries and keys lie transposed in shared memory,
// so that what a thread multiplies, 8 queries with a few sources or entries, is read as vectors; the weights go through shared memory to be
// read the same way.
#include "core/kernels/cuda.cuh"

namespace microtome::cuda {
namespace {

// W: widest d_head; Q queries and S sources of a tile; X threads share 8 queries.
template <int W, int Q, int S, int X>
struct Tile {
    static constexpr int threads = Q / 8 * X, row = X, pitch = Q + 4, key_pitch = S + 4;
    static constexpr int sources = S / X, entries = W / X;  // of a thread
    static constexpr int source_pack = sources < 4 ? sources : 4, entry_pack = entries < 4 ? entries : 4;
    float q[W * pitch];      // [e][query]
    float k[W * key_pitch];  // [e][source]
    float v[S * W];          // [source][e]
    float p[S * Q];          // [source][query], blocks of 8 queries swapped about

    // Thread x of a row of X has packs of neighbours, X packs apart: what the row reads is contiguous.
    __device__ __forceinline__ static constexpr int source(int x, int j) {
        return j / source_pack * (X * source_pack) + x * source_pack + j % source_pack;
    }
    __device__ __forceinline__ static constexpr int entry(int x, int c) {
        return c / entry_pack * (X * entry_pack) + x * entry_pack + c % entry_pack;
    }
    // Blocks of 8 queries change places from owner to owner, so that the threads that write weights meet in few banks.
    __device__ __forceinline__ static int weight(int s, int block) {
        return s * Q + ((block ^ (s % (X * source_pack) / source_pack & 7)) * 8);
    }
};

template <int N>
__device__ __forceinline__ void read(float* x, const float* from) {
    if constexpr (N == 4) {
        const float4 a = *reinterpret_cast<const float4*>(from);
        x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w;
    } else if constexpr (N == 2) {
        const float2 a = *reinterpret_cast<const float2*>(from);
        x[0] = a.x, x[1] = a.y;
    } else {
        x[0] = *from;
    }
}

// A warp reads 8 entries of 4 vectors at a time: whole sectors, and 32 different banks (the pitch is 4 banks more than a multiple of 32).
template <class T, int W, int N, int step, int threads, class Address>
__device__ __forceinline__ void load_transposed(float* to, int count, int d_head, float scale, const Address& address) {
    const int lane = threadIdx.x % 32;
    for (int i = threadIdx.x / 32 * 4 + lane / 8; i < N; i += threads / 8) {
        const T* from = address(i < count ? i : 0);
        const int end = i < count ? d_head : 0;
#pragma unroll
        for (int e = lane % 8; e < W; e += 8) to[e * step + i] = e < end ? static_cast<float>(widen(from[e])) * scale : 0.f;
    }
}

// Four neighbours of a vector; beyond its end, or where there is no vector, zeros.
template <class T>
__device__ __forceinline__ float4 fetch(const T* from, int e, int d_head, bool there) {
    Pack<T, 4> pack{};
    if (there && e < d_head) pack = *reinterpret_cast<const Pack<T, 4>*>(from + e);
    return make_float4(widen(pack.at[0]), widen(pack.at[1]), widen(pack.at[2]), widen(pack.at[3]));
}

// One head's vectors of the row, prefix and own behind each other.
template <class T>
struct Source {
    const T *prefix, *own;  // own: as if the row began at position 0
    std::int64_t prefix_step, own_step;
    int start;
    __device__ __forceinline__ const T* at(int s) const { return s < start ? prefix + s * prefix_step : own + s * own_step; }
};

// A tile of keys or values on its way through registers: fetched while the one before is used.
template <class T, int W, int S, int threads, bool transposed>
struct Load {
    static constexpr int packs = S * W / 4 / threads;
    float4 held[packs];

    // Keys: a warp has 16 vectors, 32 bytes of each, and meets 32 banks when it stores them transposed.
    __device__ __forceinline__ static int source(int n) {
        const int t = threadIdx.x + n * threads;
        return transposed ? t % 16 + t / 16 / (W / 4) * 16 : t / (W / 4);
    }
    __device__ __forceinline__ static int entry(int n) {
        const int t = threadIdx.x + n * threads;
        return (transposed ? t / 16 % (W / 4) : t % (W / 4)) * 4;
    }
    __device__ __forceinline__ void get(const Source<T>& from, int s0, int last, int d_head) {
#pragma unroll
        for (int n = 0; n < packs; ++n) {
            const int s = s0 + source(n);
            held[n] = fetch(from.at(min(s, last)), entry(n), d_head, s <= last);
        }
    }
    __device__ __forceinline__ void put(float* to, int pitch) const {
#pragma unroll
        for (int n = 0; n < packs; ++n) {
            if (transposed) {
                float* at = to + entry(n) * pitch + source(n);
                at[0] = held[n].x, at[pitch] = held[n].y, at[2 * pitch] = held[n].z, at[3 * pitch] = held[n].w;
            } else {
                *reinterpret_cast<float4*>(to + source(n) * pitch + entry(n)) = held[n];
            }
        }
    }
};

// What a thread keeps of its 8 queries.
template <int entries>
struct Mine {
    int position[8];
    float most[8], sum[8], z[8][entries];
};

// Scores of this thread to weights: masked, capped, joined with what was seen before.
template <class Shape, int entries>
__device__ __forceinline__ void join(Mine<entries>& mine, float (&score)[8][Shape::sources], int s0, int x, bool masked,
                                     const SuffixAttention& p) {
    constexpr float log2_e = 1.44269504088896340736f;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        float largest = mine.most[i];
#pragma unroll
        for (int j = 0; j < Shape::sources; ++j) {
            if (p.cap > 0) score[i][j] = static_cast<float>(p.cap) * tanhf(score[i][j] / static_cast<float>(p.cap));
            if (masked) {
                const int s = s0 + Shape::source(x, j);
                if (s > mine.position[i] || (p.window > 0 && s <= mine.position[i] - p.window)) score[i][j] = -INFINITY;
            }
            largest = fmaxf(largest, score[i][j]);
        }
#pragma unroll
        for (int step = Shape::row / 2; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
        const float base = largest == -INFINITY ? 0.f : largest * log2_e, factor = exp2f(mine.most[i] * log2_e - base);
        mine.most[i] = largest, mine.sum[i] *= factor;
#pragma unroll
        for (int j = 0; j < Shape::sources; ++j) {
            score[i][j] = exp2f(fmaf(score[i][j], log2_e, -base));
            mine.sum[i] += score[i][j];  // of this thread's sources; all are added at the end
        }
#pragma unroll
        for (int c = 0; c < entries; ++c) mine.z[i][c] *= factor;
    }
}

template <class T, int W, int Q, int S, int X>
__global__ void __launch_bounds__(Q / 8 * X) many(SuffixAttention p) {
    using Shared = Tile<W, Q, S, X>;
    constexpr int sources = Shared::sources, entries = Shared::entries, threads = Shared::threads;
    extern __shared__ float4 memory[];
    Shared& tile = *reinterpret_cast<Shared*>(memory);
    const SuffixTask task = p.tasks[blockIdx.x / p.heads];
    const int head = blockIdx.x % p.heads, kv = head / (p.heads / p.kv_heads), x = threadIdx.x % X, y = threadIdx.x / X;
    const std::int32_t* places = p.position + task.query;
    const T* queries = static_cast<const T*>(p.q) + task.query * p.q_token + head * p.q_head;
    load_transposed<T, W, Q, Shared::pitch, threads>(tile.q, task.queries, p.d_head, static_cast<float>(p.scale),
                                                     [&](int i) { return queries + i * p.q_token; });
    Mine<entries> mine;
    int last = -1, earliest = 0x7fffffff;
    for (int i = 0; i < task.queries; ++i) last = max(last, places[i]), earliest = min(earliest, places[i]);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        mine.position[i] = y * 8 + i < task.queries ? places[y * 8 + i] : -1;
        mine.most[i] = -INFINITY, mine.sum[i] = 0.f;
#pragma unroll
        for (int c = 0; c < entries; ++c) mine.z[i][c] = 0.f;
    }
    const int first = p.window > 0 && earliest >= p.window ? (earliest - p.window + 1) / S * S : 0;
    const bool full = task.queries == Q;
    const std::int64_t offset = static_cast<std::int64_t>(task.first) - task.start;
    const Source<T> keys{static_cast<const T*>(p.prefix_k) + task.prompt * p.pk_prompt + kv * p.pk_head,
                         static_cast<const T*>(p.k) + offset * p.k_token + kv * p.k_head, p.pk_position, p.k_token, task.start};
    const Source<T> values{static_cast<const T*>(p.prefix_v) + task.prompt * p.pv_prompt + kv * p.pv_head,
                           static_cast<const T*>(p.v) + offset * p.v_token + kv * p.v_head, p.pv_position, p.v_token, task.start};
    Load<T, W, S, threads, true> next_keys;
    Load<T, W, S, threads, false> next_values;
    constexpr bool ahead = W <= 64;  // with registers to spare, a tile is fetched while the one before is used
    if (ahead) next_keys.get(keys, first, last, p.d_head);
    for (int s0 = first; s0 <= last; s0 += S) {
        if (!ahead) next_keys.get(keys, s0, last, p.d_head);
        next_keys.put(tile.k, Shared::key_pitch);  // all threads are done with the last tile's keys
        if (ahead) next_values.get(values, s0, last, p.d_head);
        __syncthreads();
        float score[8][sources] = {};
#pragma unroll 2
        for (int e = 0; e < W; ++e) {
            float a[8], b[sources];
            read<4>(a, tile.q + e * Shared::pitch + y * 8), read<4>(a + 4, tile.q + e * Shared::pitch + y * 8 + 4);
#pragma unroll
            for (int j = 0; j < sources; j += Shared::source_pack)
                read<Shared::source_pack>(b + j, tile.k + e * Shared::key_pitch + Shared::source(x, j));
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < sources; ++j) score[i][j] += a[i] * b[j];
        }
        const bool masked = !full || s0 + S - 1 > earliest || p.window > 0;
        join<Shared>(mine, score, s0, x, masked, p);
#pragma unroll
        for (int j = 0; j < sources; ++j) {
            float* to = tile.p + Shared::weight(Shared::source(x, j), y);
            *reinterpret_cast<float4*>(to) = make_float4(score[0][j], score[1][j], score[2][j], score[3][j]);
            *reinterpret_cast<float4*>(to + 4) = make_float4(score[4][j], score[5][j], score[6][j], score[7][j]);
        }
        if (!ahead) next_values.get(values, s0, last, p.d_head);
        next_values.put(tile.v, W);
        if (ahead) next_keys.get(keys, s0 + S, last, p.d_head);
        __syncthreads();
#pragma unroll 2
        for (int s = 0; s < S; ++s) {
            float a[8], b[entries];
            const float* from = tile.p + Shared::weight(s, y);
            read<4>(a, from), read<4>(a + 4, from + 4);
#pragma unroll
            for (int c = 0; c < entries; c += Shared::entry_pack) read<Shared::entry_pack>(b + c, tile.v + s * W + Shared::entry(x, c));
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int c = 0; c < entries; ++c) mine.z[i][c] += a[i] * b[c];
        }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int step = X / 2; step > 0; step /= 2) mine.sum[i] += __shfl_xor_sync(0xffffffffu, mine.sum[i], step);
        if (y * 8 + i >= task.queries) continue;
        T* out = static_cast<T*>(p.z) + ((static_cast<std::int64_t>(task.query) + y * 8 + i) * p.heads + head) * p.d_head;
#pragma unroll
        for (int c = 0; c < entries; ++c)
            if (Shared::entry(x, c) < p.d_head) out[Shared::entry(x, c)] = narrowed<T>(mine.z[i][c] / mine.sum[i]);
    }
}

template <class T, int W, int Q, int S, int X>
void launch(const SuffixAttention& x, Stream stream) {
    constexpr int bytes = static_cast<int>(sizeof(Tile<W, Q, S, X>)), threads = Tile<W, Q, S, X>::threads;
    const auto kernel = many<T, W, Q, S, X>;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), "suffix_attention");
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared), "suffix_attention");
    kernel<<<blocks_for(x.n_tasks * x.heads, 1, "suffix_attention"), threads, bytes, stream>>>(x);
    check(cudaGetLastError(), "suffix_attention");
}

}  // namespace

int many_queries(int d_head) {
    return d_head <= 128 ? 128 : 64;
}

void suffix_attention_many(const SuffixAttention& x, Number type, Stream stream) {
    if (x.n_tasks == 0) return;
    with_type(type, [&](auto number) {
        using T = decltype(number);
        if constexpr (sizeof(T) == 8)
            throw std::runtime_error("suffix_attention: float64 takes the kernel of few queries");
        else if (x.d_head <= 32)
            launch<T, 32, 128, 64, 8>(x, stream);
        else if (x.d_head <= 64)
            launch<T, 64, 128, 64, 8>(x, stream);
        else if (x.d_head <= 128)
            launch<T, 128, 128, 32, 8>(x, stream);
        else
            launch<T, 256, 64, 32, 16>(x, stream);
    });
}

}  // namespace microtome::cuda
