// Whatever every processor of this kind has: SSE2 on x86-64.
#include "core/kernels/lanes/gate_rows.h"
#include "core/kernels/lanes/suffix_rows.h"

namespace microtome {

const SuffixLanes* suffix_lanes_plain() {
    static constexpr SuffixLanes lanes = lanes_of<16>("plain");
    return &lanes;
}

const GateLanes* gate_lanes_plain() {
    static constexpr GateLanes lanes = gate_lanes_of<16>("plain");
    return &lanes;
}

}  // namespace microtome
