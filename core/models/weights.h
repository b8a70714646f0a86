// Weights as tensors over the mapped file: no copy is made unless a type or an alignment asks for one.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/safetensors.h"
#include "core/tensor.h"

namespace microtome {

class PagedWeights;

class Weights {
  public:
    /// With `pages`, nothing that was read stays in memory.
    explicit Weights(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<PagedWeights> pages = {})
        : checkpoint_(std::move(checkpoint)), pages_(std::move(pages)) {}

    bool has(const std::string& name) const { return checkpoint_->find(name) != nullptr; }
    /// The tensor, of floating type and exactly this shape; an Error names it otherwise, also where a value is not finite.
    Tensor take(const std::string& name, const std::vector<std::int64_t>& shape);
    /// Undefined where the file has none.
    Tensor take_if(const std::string& name, const std::vector<std::int64_t>& shape);
    /// What was taken under this name has been copied: the file's bytes need no memory any more.
    void release(const std::string& name) const;
    /// A weight that had to be copied; where memory is short, the same numbers in a file.
    Tensor settle(const Tensor& copy) const;
    /// An Error names a tensor that nobody took and that no pattern allows to be left: the model is not what its config says.
    void finish(const std::vector<std::string>& may_be_left) const;

  private:
    std::shared_ptr<const Checkpoint> checkpoint_;
    std::shared_ptr<PagedWeights> pages_;
    std::set<std::string> taken_;
};

/// The tensor's bytes as a tensor that keeps `owner` alive; floating types only.
Tensor view_of(const StoredTensor& stored, std::shared_ptr<const void> owner);

}  // namespace microtome
