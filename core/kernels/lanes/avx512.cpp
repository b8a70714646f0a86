#include "core/kernels/lanes/gate_rows.h"
#include "core/kernels/lanes/suffix_rows.h"

namespace microtome {

const SuffixLanes* suffix_lanes_avx512() {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    static constexpr SuffixLanes lanes = lanes_of<64>("avx512");
    return &lanes;
#else
    return nullptr;
#endif
}

const GateLanes* gate_lanes_avx512() {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    static constexpr GateLanes lanes = gate_lanes_of<64>("avx512");
    return &lanes;
#else
    return nullptr;
#endif
}

}  // namespace microtome
