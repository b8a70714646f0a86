// All sites in one launch: a block finds its site by bisection; a few lanes share a row, each with its own partial sum.
#include "core/kernels/cuda.cuh"

namespace microtome::cuda {
namespace {

constexpr int threads = 256;

// Lanes of a warp that share a row of `width` numbers.
__host__ __device__ constexpr int lanes_for(std::int64_t width) {
    int lanes = 1;
    while (lanes < 32 && lanes * 4 < width) lanes *= 2;
    return lanes;
}

template <class T>
__device__ __forceinline__ wide_t<T> product(T source, T base, T gradient) {
    const wide_t<T> s = widen(source), b = widen(base);
    return (s == b ? wide_t<T>(0) : s - b) * widen(gradient);
}

template <class T>
__device__ wide_t<T> row_sum(const T* s, const T* b, const T* g, std::int64_t width, int lane, int lanes) {
    using Four = Pack<T, 4>;
    const auto all = reinterpret_cast<std::uintptr_t>(s) | reinterpret_cast<std::uintptr_t>(b) | reinterpret_cast<std::uintptr_t>(g);
    wide_t<T> sum[4] = {0, 0, 0, 0};
    std::int64_t i = 0;
    if (all % alignof(Four) == 0) {
#pragma unroll 2
        for (i = lane * 4; i + 4 <= width; i += lanes * 4) {
            const Four x = *reinterpret_cast<const Four*>(s + i), y = *reinterpret_cast<const Four*>(b + i),
                       z = *reinterpret_cast<const Four*>(g + i);
#pragma unroll
            for (int k = 0; k < 4; ++k) sum[k] += product(x.at[k], y.at[k], z.at[k]);
        }
        i = width / 4 * 4;
    }
    for (i += lane; i < width; i += lanes) sum[0] += product(s[i], b[i], g[i]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

template <class T>
__global__ void __launch_bounds__(threads) sweep(const AttributionJob* jobs, int count) {
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (jobs[middle].first_block <= static_cast<std::int64_t>(blockIdx.x))
            low = middle;
        else
            high = middle - 1;
    }
    const AttributionJob job = jobs[low];
    const int lanes = lanes_for(job.width), lane = threadIdx.x % lanes;
    const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) - job.first_block) * (threads / lanes) + threadIdx.x / lanes;
    double sum = 0;
    if (row < job.rows)
        sum = row_sum(static_cast<const T*>(job.source) + row * job.width, static_cast<const T*>(job.base) + row * job.width,
                      static_cast<const T*>(job.gradient) + row * job.width, job.width, lane, lanes);
    for (int step = lanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (row < job.rows && lane == 0) job.out[row] = sum;
}

}  // namespace

std::int64_t attribution_rows(std::int64_t width) {
    return threads / lanes_for(width);
}

void attribution_sweep(const AttributionJob* jobs, int count, std::int64_t blocks, Number type, Stream stream) {
    if (blocks == 0) return;
    const unsigned grid = blocks_for(blocks, 1, "attribution_sweep");
    with_type(type, [&](auto number) { sweep<decltype(number)><<<grid, threads, 0, stream>>>(jobs, count); });
    check(cudaGetLastError(), "attribution_sweep");
}

}  // namespace microtome::cuda
