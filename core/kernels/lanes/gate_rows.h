// The activation in vectors of `bytes` bytes; included by one source an instruction set.
#pragma once

#include "core/kernels/lanes/gate_task.h"
#include "core/kernels/lanes/vectors.h"

namespace microtome {
namespace {

template <class T, int bytes>
struct Gate {
    using L = Lanes<T, bytes>;
    using V = typename L::V;

    static V gated(V y, T a, T b) {
        const V most = L::all(T(1e30)), limit = L::all(-Bits<T>::least - T(8)), s = y * y;  // 0 · ∞ is none; exp() stays finite
        const V w = y * (a + b * (s > most ? most : s));
        return y / (T(1) + exp_of<L>(-w > limit ? limit : -w));
    }
    // The rest of a row is padded to a whole vector, so that a number's bits do not depend on where it stands.
    static void rest(T* x, const T* bias, std::int64_t count, T a, T b) {
        T part[L::n] = {}, added[L::n] = {};
        for (std::int64_t i = 0; i < count; ++i) part[i] = x[i], added[i] = bias ? bias[i] : T(0);
        L::store(part, gated(L::load(part) + L::load(added), a, b));
        for (std::int64_t i = 0; i < count; ++i) x[i] = part[i];
    }
    static void run(const GateTask<T>& task) {
        for (std::int64_t r = 0; r < task.rows; ++r) {
            T* x = task.x + r * task.width;
            std::int64_t i = 0;
            for (; i + L::n <= task.width; i += L::n)
                L::store(x + i, gated(task.bias ? L::load(x + i) + L::load(task.bias + i) : L::load(x + i), task.a, task.b));
            if (i < task.width) rest(x + i, task.bias ? task.bias + i : nullptr, task.width - i, task.a, task.b);
        }
    }
};

template <int bytes>
constexpr GateLanes gate_lanes_of(const char* name) {
    return {name, Gate<float, bytes>::run, Gate<double, bytes>::run};
}

}  // namespace
}  // namespace microtome
