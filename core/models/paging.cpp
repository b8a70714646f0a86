#include "core/models/paging.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/models/transformer.h"

namespace microtome {
namespace {

constexpr std::size_t small = 1 << 16;  // norms and biases: not worth a page of their own

std::int64_t bytes_of(const std::vector<std::span<const std::byte>>& pages) {
    std::int64_t n = 0;
    for (auto part : pages) n += static_cast<std::int64_t>(part.size());
    return n;
}

std::string mebibytes(std::int64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

// Views of one stored tensor (fused queries, keys and values) overlap: each byte once.
void merge(std::vector<std::span<const std::byte>>& pages) {
    std::sort(pages.begin(), pages.end(), [](auto a, auto b) { return a.data() < b.data(); });
    std::vector<std::span<const std::byte>> out;
    for (auto part : pages) {
        if (!out.empty() && part.data() <= out.back().data() + out.back().size()) {
            const std::byte* end = std::max(out.back().data() + out.back().size(), part.data() + part.size());
            out.back() = {out.back().data(), static_cast<std::size_t>(end - out.back().data())};
        } else {
            out.push_back(part);
        }
    }
    pages = std::move(out);
}

}  // namespace

std::span<const std::byte> extent_of(const Tensor& x) {
    std::int64_t last = 0;
    for (std::int64_t axis = 0; axis < x.dim(); ++axis) last += (x.size(axis) - 1) * x.stride(axis);
    if (x.numel() == 0) return {};
    return {static_cast<const std::byte*>(x.const_data_ptr()), static_cast<std::size_t>(last + 1) * x.element_size()};
}

PagedWeights::PagedWeights(std::shared_ptr<const Checkpoint> checkpoint, const std::filesystem::path& folder)
    : checkpoint_(std::move(checkpoint)), spilled_(std::make_shared<SpillFile>(folder)) {}

bool PagedWeights::in_file(std::span<const std::byte> bytes) const {
    auto within = [&](std::span<const std::byte> whole) {
        return bytes.data() >= whole.data() && bytes.data() + bytes.size() <= whole.data() + whole.size();
    };
    for (const auto& mapping : checkpoint_->mappings())
        if (within(mapping->bytes())) return true;
    return std::any_of(settled_.begin(), settled_.end(), within);
}

Tensor PagedWeights::settle(const Tensor& x) {
    std::span<const std::byte> bytes = extent_of(x);
    if (in_file(bytes)) {
        drop_pages(bytes);
        return x;
    }
    if (bytes.size() < small) return x;
    const Tensor dense = x.is_non_overlapping_and_dense() ? x : x.contiguous();
    bytes = spilled_->put(extent_of(dense));
    settled_.push_back(bytes);
    drop_pages(bytes);
    return at::from_blob(
        const_cast<std::byte*>(bytes.data()), dense.sizes(), dense.strides(), [owner = spilled_](void*) {}, dense.options());
}

void PagedWeights::plan(Transformer& model, std::int64_t limit) {
    layers_.assign(model.blocks.size(), {});
    for (auto& [name, tensor] : model.parameters()) {
        std::span<const std::byte> bytes = extent_of(*tensor);
        if (bytes.size() < small || !in_file(bytes)) continue;
        const bool of_layer = name.starts_with("blocks.");
        (of_layer ? layers_.at(std::stoul(name.substr(7))) : ends_).push_back(bytes);
    }
    std::int64_t widest = 0;
    for (Pages& layer : layers_) {
        merge(layer);
        widest = std::max(widest, bytes_of(layer));
    }
    merge(ends_);
    std::int64_t ends = bytes_of(ends_), largest_end = 0;
    for (auto part : ends_) largest_end = std::max(largest_end, static_cast<std::int64_t>(part.size()));
    const std::int64_t least = std::max(2 * widest, largest_end);
    if (least > limit)
        throw Error("memory-limit", "at least " + mebibytes(least) + " for two layers of this model, or its largest matrix",
                    mebibytes(limit));
    ends_stay_ = ends + 2 * widest <= limit;
    std::int64_t left = limit - 2 * widest - (ends_stay_ ? ends : 0);
    while (kept_ < layers_.size() && left >= bytes_of(layers_[kept_])) left -= bytes_of(layers_[kept_++]);
}

void PagedWeights::leave(std::size_t layer) const {
    if (layer + 1 < layers_.size())
        for (auto part : layers_[layer + 1]) fetch_pages(part);
    if (layer < kept_) return;
    for (auto part : layers_.at(layer)) drop_pages(part);
}

void PagedWeights::leave_ends() const {
    if (ends_stay_) return;
    for (auto part : ends_) drop_pages(part);
}

}  // namespace microtome
