// What metrics read of logits: one block a row, one pass, every thread with its own online sums that are joined at the end in float64.
#include "core/kernels/cuda.cuh"

namespace microtome::cuda {
namespace {

constexpr int threads = 256, at_once = 4;

// log Σ exp, and Σ exp(clean) (clean − logit), relative to the largest seen.
template <class W>
struct Sums {
    W most;
    double sum, cross;

    __device__ __forceinline__ void rescale(W larger) {
        const W base = larger == -INFINITY ? W(0) : larger;
        const double factor = exponential(most - base);
        sum *= factor, cross *= factor, most = larger;
    }
    __device__ __forceinline__ W base() const { return most == -INFINITY ? W(0) : most; }
    __device__ __forceinline__ void join(Sums other) {
        const W larger = most > other.most ? most : other.most;
        rescale(larger), other.rescale(larger);
        sum += other.sum, cross += other.cross;
    }
};

template <class W>
__device__ Sums<W> across_block(Sums<W> mine) {
    __shared__ Sums<W> all[threads / 32];
    for (int step = 16; step > 0; step /= 2) {
        mine.join({__shfl_xor_sync(0xffffffffu, mine.most, step), __shfl_xor_sync(0xffffffffu, mine.sum, step),
                   __shfl_xor_sync(0xffffffffu, mine.cross, step)});
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) all[threadIdx.x / 32] = mine;
    __syncthreads();
    mine = all[0];
    for (int i = 1; i < threads / 32; ++i) mine.join(all[i]);
    return mine;
}

template <class T, bool divergent>
__global__ void __launch_bounds__(threads) read(ReadLogits p) {
    using W = wide_t<T>;
    const T* row = static_cast<const T*>(p.logits) + static_cast<std::int64_t>(blockIdx.x) * p.stride;
    const T* clean = divergent ? static_cast<const T*>(p.clean) + static_cast<std::int64_t>(blockIdx.x) * p.clean_stride : nullptr;
    Sums<W> mine{W(-INFINITY), 0, 0}, theirs = mine;
    for (std::int64_t at = threadIdx.x; at < p.width; at += threads * at_once) {
        W x[at_once], c[at_once], most = mine.most, most_clean = theirs.most;
#pragma unroll
        for (int i = 0; i < at_once; ++i) {
            const bool there = at + i * threads < p.width;
            x[i] = there ? W(widen(row[at + i * threads])) : W(-INFINITY);
            most = most > x[i] ? most : x[i];
            if (divergent) {
                c[i] = there ? W(widen(clean[at + i * threads])) : W(-INFINITY);
                most_clean = most_clean > c[i] ? most_clean : c[i];
            }
        }
        if (most > mine.most) mine.rescale(most);
        if (divergent && most_clean > theirs.most) theirs.rescale(most_clean);
        W sum = 0;
#pragma unroll
        for (int i = 0; i < at_once; ++i) {
            sum += exponential(x[i] - mine.base());
            if (!divergent || c[i] == -INFINITY) continue;  // probability 0 adds nothing
            const double share = exponential(c[i] - theirs.base());
            theirs.sum += share;
            theirs.cross += share * (static_cast<double>(c[i]) - static_cast<double>(x[i]));
        }
        mine.sum += sum;
    }
    mine = across_block(mine);
    if (divergent) theirs = across_block(theirs);
    if (threadIdx.x > 0) return;
    const double log_sum = log(mine.sum) + mine.base();
    if (p.log_sum) p.log_sum[blockIdx.x] = log_sum;
    if (divergent) p.divergence[blockIdx.x] = theirs.cross / theirs.sum - (log(theirs.sum) + theirs.base()) + log_sum;
}

constexpr int together = 4;  // columns of one pass over a row

template <class W>
__device__ __forceinline__ W warp_sum(W x) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

// Calls f(first index, numbers) for this lane's share of a row, V numbers at a time.
template <int V, class T, class F>
__device__ __forceinline__ void each(const T* row, std::int64_t width, const F& f) {
#pragma unroll 2
    for (std::int64_t i = threadIdx.x % 32 * V; i < width; i += 32 * V) {
        const Pack<T, V> pack = *reinterpret_cast<const Pack<T, V>*>(row + i);
        wide_t<T> x[V];
#pragma unroll
        for (int k = 0; k < V; ++k) x[k] = widen(pack.at[k]);
        f(i, x);
    }
}

template <class T, int V>
struct Normed {
    using W = wide_t<T>;
    const T *factor, *shift;
    W mean, scale;
    bool normed;

    // What the unembedding of the model would read: rounded after each of its operations.
    __device__ __forceinline__ void operator()(W (&y)[V], const W (&x)[V], std::int64_t i) const {
        Pack<T, V> times, plus;
        if (factor) times = *reinterpret_cast<const Pack<T, V>*>(factor + i);
        if (shift) plus = *reinterpret_cast<const Pack<T, V>*>(shift + i);
#pragma unroll
        for (int k = 0; k < V; ++k) {
            y[k] = x[k];
            if (!normed) continue;
            y[k] = widen(narrowed<T>((x[k] - mean) * scale));
            if (factor) y[k] *= widen(times.at[k]);
            if (shift) y[k] += widen(plus.at[k]);
            y[k] = widen(narrowed<T>(y[k]));
        }
    }
};

// A warp takes a row: the row comes from memory once, and from the cache for every further pass.
template <class T, int V>
__global__ void __launch_bounds__(threads) columns(LogitColumns p) {
    using W = wide_t<T>;
    const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * (threads / 32) + threadIdx.x / 32;
    if (index >= p.rows) return;
    const T* row = static_cast<const T*>(p.x) + index * p.width;
    Normed<T, V> norm{static_cast<const T*>(p.factor), static_cast<const T*>(p.shift), W(0), W(1), p.normed};
    const W count = static_cast<W>(p.width);
    if (p.normed) {
        W sum = 0, squares = 0;
        if (p.centred) {
            each<V>(row, p.width, [&](std::int64_t, const W(&x)[V]) {
                for (int k = 0; k < V; ++k) sum += x[k];
            });
            norm.mean = warp_sum(sum) / count;
        }
        each<V>(row, p.width, [&](std::int64_t, const W(&x)[V]) {
            for (int k = 0; k < V; ++k) squares += (x[k] - norm.mean) * (x[k] - norm.mean);
        });
        norm.scale = W(1) / sqrt(warp_sum(squares) / count + static_cast<W>(p.eps));
    }
    for (std::int64_t c = 0; c < p.count; c += together) {
        W dot[together] = {};
        const int here = p.count - c < together ? static_cast<int>(p.count - c) : together;
        const T* first = static_cast<const T*>(p.columns) + c * p.width;
        each<V>(row, p.width, [&](std::int64_t i, const W(&x)[V]) {
            W y[V];
            norm(y, x, i);
#pragma unroll
            for (int j = 0; j < together; ++j) {
                if (j >= here) break;
                const Pack<T, V> column = *reinterpret_cast<const Pack<T, V>*>(first + j * p.width + i);
#pragma unroll
                for (int k = 0; k < V; ++k) dot[j] += y[k] * widen(column.at[k]);
            }
        });
#pragma unroll
        for (int j = 0; j < together; ++j) {
            W x = warp_sum(dot[j]);
            if (threadIdx.x % 32 > 0 || j >= here) continue;
            if (p.bias) x += widen(static_cast<const T*>(p.bias)[c + j]);
            if (p.cap > 0) x = static_cast<W>(p.cap) * tanh(x / static_cast<W>(p.cap));
            static_cast<T*>(p.out)[index * p.count + c + j] = narrowed<T>(x);
        }
    }
}

}  // namespace

void read_logits(const ReadLogits& x, Number type, Stream stream) {
    if (x.rows == 0) return;
    const unsigned blocks = blocks_for(x.rows, 1, "read_logits");
    with_type(type, [&](auto number) {
        using T = decltype(number);
        if (x.clean)
            read<T, true><<<blocks, threads, 0, stream>>>(x);
        else
            read<T, false><<<blocks, threads, 0, stream>>>(x);
    });
    check(cudaGetLastError(), "read_logits");
}

void logit_columns(const LogitColumns& x, Number type, Stream stream) {
    if (x.rows == 0 || x.count == 0) return;
    const unsigned blocks = blocks_for(x.rows, threads / 32, "logit_columns");
    with_type(type, [&](auto number) {
        using T = decltype(number);
        const auto all = reinterpret_cast<std::uintptr_t>(x.x) | reinterpret_cast<std::uintptr_t>(x.columns) |
                         reinterpret_cast<std::uintptr_t>(x.factor) | reinterpret_cast<std::uintptr_t>(x.shift);
        if (x.width % 4 == 0 && all % alignof(Pack<T, 4>) == 0)
            columns<T, 4><<<blocks, threads, 0, stream>>>(x);
        else
            columns<T, 1><<<blocks, threads, 0, stream>>>(x);
    });
    check(cudaGetLastError(), "logit_columns");
}

}  // namespace microtome::cuda
