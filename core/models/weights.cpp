#include "core/models/weights.h"

#include <ATen/ATen.h>

#include <atomic>

#include "core/base/error.h"
#include "core/base/sites.h"
#include "core/models/paging.h"
#include "core/parallel.h"

namespace microtome {
namespace {

at::ScalarType floating(const StoredTensor& stored) {
    switch (stored.type) {
        case StoredType::F64:
            return at::kDouble;
        case StoredType::F32:
            return at::kFloat;
        case StoredType::F16:
            return at::kHalf;
        case StoredType::BF16:
            return at::kBFloat16;
        default:
            throw Error("tensor " + stored.name, "a floating type (F64, F32, F16 or BF16)", std::string(name_of(stored.type)));
    }
}

// NaN and infinity have all bits of the exponent set. Read once, without a copy.
template <typename Word>
std::int64_t count_not_finite(const Tensor& x, Word exponent) {
    const auto* words = static_cast<const Word*>(x.const_data_ptr());
    std::atomic<std::int64_t> bad = 0;
    parallel_for(x.numel(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
        std::int64_t here = 0;
        for (std::int64_t i = begin; i < end; ++i) here += (words[i] & exponent) == exponent;
        bad += here;
    });
    return bad;
}

void check_finite(const Tensor& x, const std::string& subject) {
    std::int64_t bad = x.scalar_type() == at::kDouble  ? count_not_finite<std::uint64_t>(x, 0x7ff0000000000000)
                       : x.scalar_type() == at::kFloat ? count_not_finite<std::uint32_t>(x, 0x7f800000)
                       : x.scalar_type() == at::kHalf  ? count_not_finite<std::uint16_t>(x, 0x7c00)
                                                       : count_not_finite<std::uint16_t>(x, 0x7f80);
    if (bad > 0) throw Error(subject, "finite weights", std::to_string(bad) + " of " + std::to_string(x.numel()) + " NaN or infinite");
}

}  // namespace

Tensor view_of(const StoredTensor& stored, std::shared_ptr<const void> owner) {
    at::ScalarType type = floating(stored);
    auto* data = const_cast<std::byte*>(stored.bytes.data());
    if (stored.elements() == 0) return at::zeros(stored.shape, type);
    bool aligned = reinterpret_cast<std::uintptr_t>(data) % size_of(stored.type) == 0;
    if (!aligned) {  // the format allows any header length
        Tensor copy = at::empty(stored.shape, type);
        std::memcpy(copy.mutable_data_ptr(), data, stored.bytes.size());
        return copy;
    }
    return at::from_blob(
        data, stored.shape, [owner = std::move(owner)](void*) {}, at::TensorOptions().dtype(type));
}

Tensor Weights::take(const std::string& name, const std::vector<std::int64_t>& shape) {
    const StoredTensor& stored = checkpoint_->at(name);
    std::string subject = checkpoint_->path().string() + ": tensor " + name;
    if (stored.shape != shape) throw Error(subject, "shape " + shape_text(shape), shape_text(stored.shape));
    taken_.insert(name);
    Tensor x = view_of(stored, checkpoint_);
    check_finite(x, subject);
    return settle(x);
}

Tensor Weights::take_if(const std::string& name, const std::vector<std::int64_t>& shape) {
    return has(name) ? take(name, shape) : Tensor();
}

void Weights::release(const std::string& name) const {
    checkpoint_->release(checkpoint_->at(name));
}

Tensor Weights::settle(const Tensor& copy) const {
    return pages_ ? pages_->settle(copy) : copy;
}

void Weights::finish(const std::vector<std::string>& may_be_left) const {
    for (const StoredTensor* stored : checkpoint_->tensors()) {
        if (taken_.contains(stored->name)) continue;
        bool allowed = false;
        for (const std::string& pattern : may_be_left) allowed = allowed || glob_match(pattern, stored->name);
        if (!allowed) throw Error(checkpoint_->path().string(), "only tensors that this architecture has", "the tensor " + stored->name);
    }
}

}  // namespace microtome
