#include "core/kernels/scatter_patch.h"

#include <ATen/ATen.h>

#include <cstring>

#include "core/base/error.h"
#include "core/kernels/table.h"

namespace microtome {
namespace {

void check(const Tensor& x, const Tensor& values, const SliceList& slices) {
    if (x.dim() < 2 || x.dim() > 3 || values.sizes().slice(1) != x.sizes().slice(1) || values.scalar_type() != x.scalar_type())
        throw Error("scatter_patch", "values of the type and shape " + shape_text(x.sizes()) + " but for the number of tokens",
                    dtype_name(values.scalar_type()) + " " + shape_text(values.sizes()));
    const std::int64_t heads = x.dim() == 3 ? x.size(1) : 1;
    for (std::size_t i = 0; i < slices.to.size(); ++i)
        if (slices.to[i] < 0 || slices.to[i] >= x.size(0) || slices.from[i] < 0 || slices.from[i] >= values.size(0) ||
            slices.head[i] >= heads)
            throw Error(
                "scatter_patch, slice " + std::to_string(i), "a token and a head that exist",
                std::to_string(slices.from[i]) + " to " + std::to_string(slices.to[i]) + ", head " + std::to_string(slices.head[i]));
}

void copy_slices(const Tensor& x, const Tensor& values, const SliceList& slices) {
    const auto token = static_cast<std::size_t>(x[0].nbytes()), head = token / static_cast<std::size_t>(x.dim() == 3 ? x.size(1) : 1);
    auto* to = static_cast<std::byte*>(x.mutable_data_ptr());
    const auto* from = static_cast<const std::byte*>(values.const_data_ptr());
    for (std::size_t i = 0; i < slices.to.size(); ++i) {
        const std::size_t skip = slices.head[i] < 0 ? 0 : head * static_cast<std::size_t>(slices.head[i]);
        std::memcpy(to + static_cast<std::size_t>(slices.to[i]) * token + skip,
                    from + static_cast<std::size_t>(slices.from[i]) * token + skip, slices.head[i] < 0 ? token : head);
    }
}

// On a device without a kernel of ours.
void index_slices(const Tensor& y, const Tensor& values, const SliceList& slices) {
    std::vector<std::int64_t> whole[2], part[3];
    for (std::size_t i = 0; i < slices.to.size(); ++i) {
        const bool all = slices.head[i] < 0 || y.dim() == 2;
        (all ? whole[0] : part[0]).push_back(slices.to[i]);
        (all ? whole[1] : part[1]).push_back(slices.from[i]);
        if (!all) part[2].push_back(slices.head[i]);
    }
    auto list = [&](const std::vector<std::int64_t>& x) { return at::tensor(x, at::kLong).to(y.device()); };
    if (!whole[0].empty()) y.index_copy_(0, list(whole[0]), values.index_select(0, list(whole[1])));
    if (!part[0].empty()) y.index_put_({list(part[0]), list(part[2])}, values.index({list(part[1]), list(part[2])}));
}

}  // namespace

void SliceList::add(std::int64_t to_token, std::int64_t from_token, std::int64_t which_head) {
    to.push_back(static_cast<std::int32_t>(to_token));
    from.push_back(static_cast<std::int32_t>(from_token));
    head.push_back(static_cast<std::int32_t>(which_head));
}

Tensor scatter_patch_reference(const Tensor& x, const Tensor& values, const SliceList& slices) {
    check(x, values, slices);
    Tensor y = x.clone(at::MemoryFormat::Contiguous);
    for (std::size_t i = 0; i < slices.to.size(); ++i) {
        Tensor to = y[slices.to[i]], from = values[slices.from[i]];
        if (slices.head[i] < 0 || x.dim() == 2)
            to.copy_(from);
        else
            to[slices.head[i]].copy_(from[slices.head[i]]);
    }
    return y;
}

Tensor scatter_patch(const Tensor& x, const Tensor& values, const SliceList& slices) {
    Tensor y = x.clone(at::MemoryFormat::Contiguous);
    scatter_patch_(y, values, slices);
    return y;
}

void scatter_patch_(const Tensor& x, const Tensor& values, const SliceList& slices) {
    check(x, values, slices);
    if (!x.is_contiguous()) throw Error("scatter_patch", "tokens in one piece", "strides " + shape_text(x.strides()));
    if (slices.size() == 0 || x.numel() == 0) return;
    const Tensor source = values.contiguous();
    if (x.is_cpu())
        copy_slices(x, source, slices);
    else if (x.is_cuda() && cuda_kernels())
        cuda_kernels()->scatter_patch(x, source, slices);
    else
        index_slices(x, source, slices);
}

}  // namespace microtome
