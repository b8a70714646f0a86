// What one call of a vectorised kernel is given: plain pointers, so that files built for other instruction sets share no inline function
// with the rest of the program (the linker keeps one copy of such a function, and could keep one that this processor cannot run).
#pragma once

#include <cstdint>

namespace microtome {

/// The queries of one row and one head, and all sources that they may read.
template <class T>
struct SuffixTask {
    const T* const* q;             // (queries) -> (d_head)
    T* const* z;                   // (queries) -> (d_head): written
    const std::int64_t* position;  // (queries): a query reads the sources up to this one
    const T *const *k, *const *v;  // (sources) -> (d_head)
    std::int64_t queries, d_head, window;
    T scale, cap;
    T* scores;  // scratch, (suffix_block, sources + suffix_slack)
};

/// Queries that share the reading of keys and values.
constexpr std::int64_t suffix_block = 4;
/// Lanes of the widest vector: scores are read in whole vectors.
constexpr std::int64_t suffix_slack = 16;

/// One instruction set's kernels.
struct SuffixLanes {
    const char* name;
    void (*run_float)(const SuffixTask<float>&);
    void (*run_double)(const SuffixTask<double>&);
};

/// nullptr: not built for this kind of processor. That it can run there is for the caller to see (`suffix_lanes`).
const SuffixLanes* suffix_lanes_plain();
const SuffixLanes* suffix_lanes_avx2();
const SuffixLanes* suffix_lanes_avx512();

}  // namespace microtome
