// What the CUDA kernels share: checked launches, and numbers of four widths that are summed in at least float32.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "core/kernels/cuda_launch.h"

namespace microtome::cuda {

inline void check(cudaError_t status, const char* what) {
    if (status != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

/// Blocks of a grid; an Error of ours rather than a launch that fails.
inline unsigned blocks_for(std::int64_t work, std::int64_t per_block, const char* what) {
    const std::int64_t blocks = (work + per_block - 1) / per_block;
    if (blocks > 0x7fffffff) throw std::runtime_error(std::string(what) + ": more work than one launch holds");
    return static_cast<unsigned>(blocks);
}

template <class T>
struct Wide {
    using type = float;
};
template <>
struct Wide<double> {
    using type = double;
};
template <class T>
using wide_t = typename Wide<T>::type;

__device__ __forceinline__ float widen(float x) {
    return x;
}
__device__ __forceinline__ double widen(double x) {
    return x;
}
__device__ __forceinline__ float widen(__half x) {
    return __half2float(x);
}
__device__ __forceinline__ float widen(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

template <class T>
__device__ __forceinline__ T narrowed(wide_t<T> x) {
    return x;
}
template <>
__device__ __forceinline__ __half narrowed<__half>(float x) {
    return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 narrowed<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

/// N numbers that are read with one instruction where their address allows it.
template <class T, int N>
struct alignas(sizeof(T) * N <= 16 ? sizeof(T) * N : 16) Pack {
    T at[N];
};

__device__ __forceinline__ float exponential(float x) {
    return expf(x);
}
__device__ __forceinline__ double exponential(double x) {
    return exp(x);
}

/// Calls f with a value of the type that `kind` names.
template <class F>
void with_type(Number kind, F&& f) {
    switch (kind) {
        case Number::float32:
            return f(float{});
        case Number::float64:
            return f(double{});
        case Number::float16:
            return f(__half{});
        case Number::bfloat16:
            return f(__nv_bfloat16{});
    }
}

}  // namespace microtome::cuda
