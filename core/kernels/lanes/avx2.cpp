#include "core/kernels/lanes/gate_rows.h"
#include "core/kernels/lanes/suffix_rows.h"

namespace microtome {

const SuffixLanes* suffix_lanes_avx2() {
#if defined(__AVX2__) && defined(__FMA__)
    static constexpr SuffixLanes lanes = lanes_of<32>("avx2");
    return &lanes;
#else
    return nullptr;
#endif
}

const GateLanes* gate_lanes_avx2() {
#if defined(__AVX2__) && defined(__FMA__)
    static constexpr GateLanes lanes = gate_lanes_of<32>("avx2");
    return &lanes;
#else
    return nullptr;
#endif
}

}  // namespace microtome
