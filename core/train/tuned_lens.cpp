#include "core/train/tuned_lens.h"

#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/models/weights.h"
#include "core/train/adamw.h"

namespace microtome {
namespace {

constexpr const char *format = "microtome-tuned-lens", *schema = "1", *file_name = "lens.safetensors";

at::ScalarType lens_type(const Transformer& model) {
    return model.dtype() == at::kDouble ? at::kDouble : at::kFloat;
}

std::string told(const std::string& text) {
    return text.empty() ? "nothing" : "\"" + text + "\"";
}

// Metadata that must be as expected.
class About {
  public:
    explicit About(const Checkpoint& checkpoint) : values_(checkpoint.metadata()), subject_(checkpoint.path().string()) {}
    std::string get(const std::string& key) const {
        auto it = values_.find(key);
        return it == values_.end() ? std::string() : it->second;
    }
    void want(const std::string& key, const std::string& value, const std::string& expected) const {
        if (get(key) != value) throw Error(subject_, expected, key + " " + told(get(key)));
    }
    const std::string& subject() const { return subject_; }

  private:
    const std::map<std::string, std::string>& values_;
    std::string subject_;
};

void check_owner(const About& about, const LensOwner& owner) {
    about.want("format", format, "a tuned lens (microtome lens-train)");
    about.want("schema", schema, "a tuned lens of schema 1");
    if (about.get("model_sha256") != owner.model_sha256)
        throw Error(about.subject(), "a lens of this model, " + owner.model + " with SHA-256 " + owner.model_sha256,
                    "one of " + about.get("model") + " with " + told(about.get("model_sha256")));
    about.want("processing", owner.processing, "a lens of this processing, " + told(owner.processing));
}

}  // namespace

Tensor TunedLens::operator()(std::size_t layer, const Tensor& stream) const {
    if (layer >= maps.size()) return stream;
    const AffineMap& map = maps[layer];
    const Tensor x = stream.to(map.weight.scalar_type()), rows = x.reshape({-1, x.size(-1)});
    return (x + at::addmm(map.bias, rows, map.weight.t()).view_as(x)).to(stream.scalar_type());
}

std::vector<std::pair<std::string, Tensor*>> TunedLens::parameters() {
    std::vector<std::pair<std::string, Tensor*>> out;
    for (std::size_t l = 0; l < maps.size(); ++l) {
        out.emplace_back(std::to_string(l) + ".weight", &maps[l].weight);
        out.emplace_back(std::to_string(l) + ".bias", &maps[l].bias);
    }
    return out;
}

TunedLens identity_lens(const Transformer& model, Site site) {
    if ((site != Site::resid_pre && site != Site::resid_mid) || !has_site(model.config, site))
        throw Error("lens site", has_site(model.config, Site::resid_mid) ? "resid_pre or resid_mid" : "resid_pre", info(site).name);
    TunedLens lens{site, {}};
    const std::int64_t width = model.config.d_model;
    const auto options = at::TensorOptions().dtype(lens_type(model)).device(model.device());
    for (int l = 0; l < model.config.n_layers; ++l) lens.maps.push_back({at::zeros({width, width}, options), at::zeros({width}, options)});
    return lens;
}

void save_lens(const std::filesystem::path& file, TunedLens lens, const LensOwner& owner, std::map<std::string, std::string> more) {
    more.insert({{"format", format},
                 {"schema", schema},
                 {"model", owner.model},
                 {"model_sha256", owner.model_sha256},
                 {"processing", owner.processing},
                 {"site", info(lens.site).name},
                 {"map", "h + weight h + bias, then the final norm with this stream's own scale, and the unembedding"}});
    TensorFile out;
    for (auto& [name, tensor] : lens.parameters()) out.put(name, *tensor);
    out.write(file, more);
}

std::filesystem::path lens_file(const std::filesystem::path& file_or_folder) {
    std::error_code none;
    return std::filesystem::is_directory(file_or_folder, none) ? file_or_folder / file_name : file_or_folder;
}

TunedLens load_lens(const std::filesystem::path& given, const Transformer& model, const LensOwner& owner) {
    const std::filesystem::path file = lens_file(given);
    auto checkpoint = std::make_shared<const Checkpoint>(file);
    const About about(*checkpoint);
    check_owner(about, owner);
    Site site = Site::resid_pre;
    if (about.get("site") == info(Site::resid_mid).name)
        site = Site::resid_mid;
    else
        about.want("site", info(site).name, "a lens of the site resid_pre or resid_mid");
    TunedLens lens = identity_lens(model, site);
    Weights weights(checkpoint);
    // A copy: the file may be written again while the lens is in use.
    for (auto& [name, tensor] : lens.parameters()) tensor->copy_(weights.take(name, tensor->sizes().vec()));
    weights.finish({});
    return lens;
}

}  // namespace microtome
