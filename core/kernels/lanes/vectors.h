// Vectors of `bytes` bytes and the functions that the kernels need, for whatever instruction set the including file is built for.
// Everything has internal linkage, and nothing of the standard library is called (suffix_task.h says why).
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace microtome {
namespace {

template <class T>
struct Bits;
template <>
struct Bits<float> {
    using Int = std::int32_t;
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float round = 0x1.8p23F, least = -87.0F, saturated = 10.0F;
};
template <>
struct Bits<double> {
    using Int = std::int64_t;
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double round = 0x1.8p52, least = -708.0, saturated = 20.0;
};

template <class T, int bytes>
struct Lanes {
    static constexpr int n = bytes / static_cast<int>(sizeof(T));
    using Int = typename Bits<T>::Int;
    typedef T V __attribute__((vector_size(bytes)));
    typedef Int I __attribute__((vector_size(bytes)));

    static V load(const T* p) {
        V x;
        __builtin_memcpy(&x, p, sizeof x);
        return x;
    }
    static void store(T* p, V x) { __builtin_memcpy(p, &x, sizeof x); }
    static V all(T x) { return x - V{}; }

    template <int step, int... lane>
    static V fold(V a, V b, std::integer_sequence<int, lane...>) {
        V kept = __builtin_shufflevector(a, b, (lane & step ? n + lane : lane)...);
        V moved = __builtin_shufflevector(a, b, (lane & step ? n + (lane ^ step) : lane ^ step)...);
        return kept + moved;
    }
    /// n vectors -> lane i is the sum of x[i]. x is used up.
    template <int step = n / 2>
    static V sums(V* x) {
        for (int i = 0; i < step; ++i) x[i] = fold<step>(x[i], x[i + step], std::make_integer_sequence<int, n>());
        if constexpr (step > 1)
            return sums<step / 2>(x);
        else
            return x[0];
    }
};

/// exp of values up to 88 (float) or 709 (double), by Cephes' expf and exp (Moshier): 0 below `least`, NaN stays.
template <class L>
typename L::V exp_of(typename L::V x) {
    using V = typename L::V;
    using I = typename L::I;
    using T = typename std::remove_reference<decltype(x[0])>::type;
    using B = Bits<T>;
    V t = x * T(1.44269504088896340736) + B::round, n = t - B::round, y;
    if constexpr (sizeof(T) == 4) {
        V r = x - n * 0.693359375F - n * -2.12194440e-4F;
        y = 1.9875691500e-4F * r + 1.3981999507e-3F;
        y = y * r + 8.3334519073e-3F;
        y = y * r + 4.1665795894e-2F;
        y = y * r + 1.6666665459e-1F;
        y = y * r + 5.0000001201e-1F;
        y = y * (r * r) + r + 1.0F;
    } else {
        V r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6, s = r * r;
        V p = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1);
        V q = ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0;
        y = 1.0 + 2.0 * (p / (q - p));
    }
    I power = (reinterpret_cast<I>(t) + B::bias) << B::mantissa;  // the low bits of t are those of n
    return x < B::least ? V{} : y * reinterpret_cast<V>(power);
}

/// tanh by Cephes' tanhf and tanh: relative error of a few roundings, also near 0.
template <class L>
typename L::V tanh_of(typename L::V x) {
    using V = typename L::V;
    using T = typename std::remove_reference<decltype(x[0])>::type;
    V size = x < T(0) ? -x : x, s = x * x, near;
    if constexpr (sizeof(T) == 4) {
        V p = -5.70498872745e-3F * s + 2.06390887954e-2F;
        p = p * s - 5.37397155531e-2F;
        p = p * s + 1.33314422036e-1F;
        p = p * s - 3.33332819422e-1F;
        near = p * s * x + x;
    } else {
        V p = (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3;
        V q = ((s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3) * s + 4.84406305325125486048e3;
        near = x + x * s * (p / q);
    }
    V far = T(1) - T(2) / (exp_of<L>(T(2) * (size > Bits<T>::saturated ? L::all(Bits<T>::saturated) : size)) + T(1));
    return size < T(0.625) ? near : (x < T(0) ? -far : far);
}

}  // namespace
}  // namespace microtome
