// Puts slices of other runs' values into packed tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace microtome {

/// Slice i: token `to[i]` of x takes what token `from[i]` of the values holds: of head `head[i]`, or all of it (-1). No slice twice.
struct SliceList {
    std::vector<std::int32_t> to, from, head;

    std::int64_t size() const { return static_cast<std::int64_t>(to.size()); }
    void add(std::int64_t to_token, std::int64_t from_token, std::int64_t which_head);
};

/// x (tokens, width) or (tokens, heads, width), values (n, …) of the same type -> x with the slices in place, contiguous; x stays as it is.
Tensor scatter_patch(const Tensor& x, const Tensor& values, const SliceList& slices);
/// In place; x is contiguous.
void scatter_patch_(const Tensor& x, const Tensor& values, const SliceList& slices);
/// The same, one slice after the other.
Tensor scatter_patch_reference(const Tensor& x, const Tensor& values, const SliceList& slices);

}  // namespace microtome
