#include "golden.h"

#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/models/weights.h"

namespace golden {
using namespace microtome;

namespace {

struct Keep : SiteHandler {
    const ModelConfig& config;
    std::vector<std::pair<SiteRef, Tensor>> seen;
    explicit Keep(const ModelConfig& c) : config(c) {}
    bool wants(SiteRef ref) const override { return has_site(config, ref.site); }
    Tensor see(SiteRef ref, Tensor x) override {
        seen.emplace_back(ref, x);
        return x;
    }
};

}  // namespace

const std::vector<std::string>& models() {
    static const std::vector<std::string> all{"attn-only", "attn-only-ln", "tl-mlp", "gpt2", "gpt2-untied", "llama-tied", "llama"};
    return all;
}

std::filesystem::path folder(const std::string& model) {
    return std::filesystem::path(MICROTOME_SOURCE_DIR) / "tests" / "golden" / model;
}

Transformer load(const std::string& model, at::ScalarType dtype) {
    return load_model(folder(model), dtype).transformer;
}

Rows batch(const std::string& model) {
    return read_json(folder(model) / "ids.json").at("batch").get<Rows>();
}

Rows singles(const std::string& model) {
    return read_json(folder(model) / "ids.json").at("singles").get<Rows>();
}

Tensor Reference::find(const std::string& name) const {
    const StoredTensor* stored = file_.find(name);
    return stored ? view_of(*stored, file_.mapping()) : Tensor();
}

Tensor Reference::at(const std::string& name) const {
    Tensor found = find(name);
    if (!found.defined()) throw Error(file_.path().string(), "a tensor " + name, "none");
    return found;
}

std::vector<std::string> Reference::names() const {
    std::vector<std::string> out;
    for (const StoredTensor& stored : file_.tensors()) out.push_back(stored.name);
    return out;
}

std::string difference(const Tensor& ours, const Tensor& reference, double tolerance) {
    if (ours.sizes() != reference.sizes())
        return "shape " + shape_text(ours.sizes()) + ", the reference has " + shape_text(reference.sizes());
    Tensor a = ours.detach().to(at::kDouble), b = reference.to(at::kDouble), masked = b.eq(-INFINITY);
    if (!masked.equal(a.eq(-INFINITY))) return "-inf at other places than in the reference";
    a = a.masked_fill(masked, 0);
    b = b.masked_fill(masked, 0);
    double worst = (a - b).abs().max().item<double>(), bound = tolerance * (1 + b.abs().max().item<double>());
    if (worst <= bound) return {};  // NaN is not
    return "off by " + std::to_string(worst) + " where " + std::to_string(bound) + " is allowed";
}

double tolerance(at::ScalarType dtype) {
    return dtype == at::kDouble ? 1e-9 : 1e-5;
}

Recording record(const Transformer& model, const Rows& ids) {
    Keep keep(model.config);
    Tensor logits = model.forward(ids_tensor(ids), Tap(keep));
    return {std::move(keep.seen), logits};
}

std::string first_divergence(const Recording& run, const Reference& reference, double tolerance) {
    for (std::size_t i = 0; i < run.sites.size(); ++i) {
        std::string name = hook_name(run.sites[i].first);
        Tensor expected = reference.find(name);
        std::string wrong = expected.defined() ? difference(run.sites[i].second, expected, tolerance) : "not in the reference";
        if (!wrong.empty()) return name + ": " + wrong + " (the " + std::to_string(i) + " sites before it agree)";
    }
    return {};
}

}  // namespace golden
