// Which of the kernels that were built for several instruction sets this processor can run.
#pragma once

#include <vector>

namespace microtome {

/// Fastest first; `plain` is always among them. nullptr: not built for this kind of processor.
template <class L>
std::vector<const L*> usable_lanes(const L* avx512, const L* avx2, const L* plain) {
    std::vector<const L*> found;
#if defined(__x86_64__)
    if (avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) found.push_back(avx512);
    if (avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(avx2);
#else
    (void)avx512, (void)avx2;
#endif
    found.push_back(plain);
    return found;
}

}  // namespace microtome
