// Weights larger than the memory that they may take: they stay in files, and each layer's pages leave memory when the layer is done.
// The numbers are the same bits as in memory; only time is paid.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/base/safetensors.h"
#include "core/base/spill_file.h"
#include "core/tensor.h"

namespace microtome {

struct Transformer;

class PagedWeights {
  public:
    /// Of a model read from `checkpoint`; weights that had to be copied (another type, another order) go to a file in `folder`.
    PagedWeights(std::shared_ptr<const Checkpoint> checkpoint, const std::filesystem::path& folder);

    /// The same numbers in a file, with the same strides, if they are not in one yet. Small ones stay in memory.
    Tensor settle(const Tensor& x);
    /// Decides which layers may stay: as many as fit `limit` bytes beside the two ends of the model and two layers at work. An Error if
    /// not even those fit.
    void plan(Transformer& model, std::int64_t limit);

    /// Layer `layer` has run: unless it may stay, its pages leave; the next one's are asked for.
    void leave(std::size_t layer) const;
    /// The two ends have run.
    void leave_ends() const;
    std::size_t layers_kept() const { return kept_; }

  private:
    using Pages = std::vector<std::span<const std::byte>>;
    bool in_file(std::span<const std::byte> bytes) const;

    std::shared_ptr<const Checkpoint> checkpoint_;
    std::shared_ptr<SpillFile> spilled_;
    Pages settled_;              // what `settle` wrote
    std::vector<Pages> layers_;  // pages of each layer's weights
    Pages ends_;
    std::size_t kept_ = 0;
    bool ends_stay_ = true;
};

/// Bytes from the first to the last element.
std::span<const std::byte> extent_of(const Tensor& x);

}  // namespace microtome
