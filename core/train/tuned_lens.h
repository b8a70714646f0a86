// The tuned lens (Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens"): an affine map a layer takes a
// stream to where the model's own final norm and unembedding read what it will say.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/models/transformer.h"

namespace microtome {

/// NOTE: h + (A h + b), not the paper's A h + b: at the start all is 0 and the lens is the logit lens, and weight decay pulls towards it.
struct AffineMap {
    Tensor weight;  // A (d_model out, d_model in)
    Tensor bias;    // b (d_model)
};

struct TunedLens {
    Site site = Site::resid_pre;  // what map l reads: the stream at this site of layer l
    std::vector<AffineMap> maps;  // one a layer; the stream after the last layer needs none

    /// Stream (…, d_model) at `layer` -> the same shape and type. `layer` = n_layers: the last stream, unchanged.
    Tensor operator()(std::size_t layer, const Tensor& stream) const;
    /// Each tensor with its name in files, "3.weight", "3.bias": those of the paper's library.
    std::vector<std::pair<std::string, Tensor*>> parameters();
};

/// All maps 0: the logit lens. In float32, or in float64 for such a model. An Error where the model has no such site.
TunedLens identity_lens(const Transformer& model, Site site);

/// Whose lens a file is.
struct LensOwner {
    std::string model, model_sha256, processing;
};

/// `more`: further metadata.
void save_lens(const std::filesystem::path& file, TunedLens lens, const LensOwner& owner, std::map<std::string, std::string> more = {});
/// A lens of this model, on its device; `file` may be the folder of `lens.safetensors`. An Error for a lens of other weights, another
/// processing or other shapes, and for values that are not finite.
TunedLens load_lens(const std::filesystem::path& file, const Transformer& model, const LensOwner& owner);
/// The file that `load_lens` reads.
std::filesystem::path lens_file(const std::filesystem::path& file_or_folder);

}  // namespace microtome
