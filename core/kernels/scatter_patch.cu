// A warp copies one slice, 16 bytes a lane where the addresses allow it.
#include <algorithm>

#include "core/kernels/cuda.cuh"

namespace microtome::cuda {
namespace {

constexpr int warps = 8;

template <class Word>
__global__ void __launch_bounds__(32 * warps) scatter(ScatterPatch p) {
    const std::int64_t slice = static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.x / 32;
    if (slice >= p.slices) return;
    const std::int64_t words = p.bytes / static_cast<std::int64_t>(sizeof(Word)), head = p.head[slice];
    const std::int64_t begin = head < 0 ? 0 : head * words, end = head < 0 ? p.heads * words : begin + words;
    Word* to = static_cast<Word*>(p.x) + p.to[slice] * p.heads * words;
    const Word* from = static_cast<const Word*>(p.values) + p.from[slice] * p.heads * words;
    for (std::int64_t i = begin + threadIdx.x % 32; i < end; i += 32) to[i] = from[i];
}

}  // namespace

void scatter_patch(const ScatterPatch& x, Stream stream) {
    if (x.slices == 0 || x.bytes == 0 || x.heads == 0) return;
    const unsigned blocks = blocks_for(x.slices, warps, "scatter_patch");
    const auto both =
        reinterpret_cast<std::uintptr_t>(x.x) | reinterpret_cast<std::uintptr_t>(x.values) | static_cast<std::uintptr_t>(x.bytes);
    if (both % 16 == 0)
        scatter<uint4><<<blocks, 32 * warps, 0, stream>>>(x);
    else if (both % 4 == 0)
        scatter<std::uint32_t><<<blocks, 32 * warps, 0, stream>>>(x);
    else
        scatter<std::uint16_t><<<blocks, 32 * warps, 0, stream>>>(x);
    check(cudaGetLastError(), "scatter_patch");
}

}  // namespace microtome::cuda
