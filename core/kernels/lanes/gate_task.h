// What one call of the vectorised activation is given (suffix_task.h says why there are plain pointers alone).
#pragma once

#include <cstdint>

namespace microtome {

/// x := (x + bias) g(x + bias), in place, with g(y) = 1 / (1 + exp(-(a y + b y³))).
template <class T>
struct GateTask {
    T* x;           // (rows, width)
    const T* bias;  // (width); nullptr: none
    std::int64_t rows, width;
    T a, b;
};

/// One instruction set's kernels.
struct GateLanes {
    const char* name;
    void (*run_float)(const GateTask<float>&);
    void (*run_double)(const GateTask<double>&);
};

/// nullptr: not built for this kind of processor. That it can run there is for the caller to see (`gate_lanes`).
const GateLanes* gate_lanes_plain();
const GateLanes* gate_lanes_avx2();
const GateLanes* gate_lanes_avx512();

}  // namespace microtome
