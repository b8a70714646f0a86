// The golden data of this folder: files with the reference's numbers, and the comparison that formats.md defines.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/safetensors.h"
#include "core/models/model.h"

namespace golden {

using microtome::SiteRef;
using microtome::Tensor;
using Rows = std::vector<std::vector<std::int64_t>>;

/// The folders with a model, simplest composition first.
const std::vector<std::string>& models();
std::filesystem::path folder(const std::string& model);
microtome::Transformer load(const std::string& model, at::ScalarType dtype);

/// `batch` of ids.json, and its `singles` one by one.
Rows batch(const std::string& model);
Rows singles(const std::string& model);

/// The tensors of one file.
class Reference {
  public:
    explicit Reference(const std::filesystem::path& file) : file_(file) {}
    /// Undefined if the file has none of that name.
    Tensor find(const std::string& name) const;
    Tensor at(const std::string& name) const;
    std::vector<std::string> names() const;

  private:
    microtome::SafetensorsFile file_;
};

/// |a - b| <= tolerance (1 + max|b|) where b is finite, and -inf at the same places. Empty if so, else what is wrong.
std::string difference(const Tensor& ours, const Tensor& reference, double tolerance);
/// 1e-5 in fp32 (parity with a reference), 1e-9 in fp64.
double tolerance(at::ScalarType dtype);

/// Runs `ids` while every site that the model has is recorded, in the order in which the run reached them.
struct Recording {
    std::vector<std::pair<SiteRef, Tensor>> sites;
    Tensor logits;
};
Recording record(const microtome::Transformer& model, const Rows& ids);

/// "" or "blocks.1.mlp.hook_post: …" for the first site that diverges from the reference.
std::string first_divergence(const Recording& run, const Reference& reference, double tolerance);

}  // namespace golden
