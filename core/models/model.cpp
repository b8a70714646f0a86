#include "core/models/model.h"

#include <ATen/ATen.h>
#include <malloc.h>

#include <algorithm>
#include <future>

#include "core/base/environment.h"
#include "core/base/error.h"
#include "core/base/hub_cache.h"
#include "core/base/llama2c_model.h"
#include "core/models/architecture.h"

namespace microtome {
namespace fs = std::filesystem;

fs::path resources_folder() {
    if (auto given = environment("MICROTOME_RESOURCES"); !given.empty()) return given;
    std::error_code failed, absent;
    fs::path at = fs::read_symlink("/proc/self/exe", failed);
    while (!failed && at.has_parent_path() && at != at.parent_path()) {
        at = at.parent_path();
        for (const fs::path& candidate : {at / "resources", at / "share" / "microtome"})
            if (fs::is_directory(candidate / "models", absent)) return candidate;
    }
    throw Error("resources", "a folder resources/models beside the program's parents, or MICROTOME_RESOURCES", "none");
}

std::vector<std::pair<std::string, fs::path>> models_in(const fs::path& folder) {
    std::vector<std::pair<std::string, fs::path>> found;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed))
        if (fs::exists(entry.path() / "config.json")) found.emplace_back(entry.path().filename().string(), entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

fs::path locate_model(const std::string& model) {
    std::error_code failed;
    if (model.empty()) throw Error("model", "a name or a folder", "nothing");
    bool plain = model.find('/') == std::string::npos;
    if (plain) {
        fs::path bundled;
        try {
            bundled = resources_folder() / "models" / model;
        } catch (const Error&) {  // a program moved away from its resources still opens folders
        }
        if (!bundled.empty() && fs::exists(bundled / "config.json", failed)) return bundled;
    }
    if (fs::is_directory(model, failed)) return model;
    if (fs::is_regular_file(model, failed)) return model;
    fs::path cached = in_hub_cache(model);
    if (!cached.empty()) return cached;
    throw Error("model " + model,
                "a bundled name (microtome list models), a folder, or a name in the local hub cache " + hub_cache().string() +
                    " (--download fetches it)",
                "none of these");
}

fs::path folder_of(const fs::path& model) {
    std::error_code failed;
    return fs::is_directory(model, failed) ? model : model.has_parent_path() ? model.parent_path() : fs::path(".");
}

namespace {

// A llama2.c file says its own sizes; any other weights are described by the config.json beside them.
std::pair<Json, std::string> config_of(const fs::path& model, const Checkpoint& checkpoint) {
    if (auto header = read_llama2c_header(checkpoint.mappings().front()->bytes())) return {llama2c_config(*header), model.string()};
    fs::path file = folder_of(model) / "config.json";
    return {read_json(file), file.string()};
}

// Weights of another type are read as numbers of this one only after their own scales are applied, which this program can't do.
void refuse_quantized(const Json& config, const std::string& subject) {
    if (!config.is_object() || !config.contains("quantization_config") || config["quantization_config"].is_null()) return;
    throw Error(
        subject + "#/quantization_config", "none: weights in float32, float16 or bfloat16",
        config["quantization_config"].is_object() ? config["quantization_config"].value("quant_method", Json("a method")).dump() : "one");
}

std::int64_t bytes_as(const Checkpoint& checkpoint, at::ScalarType dtype) {
    std::int64_t elements = 0;
    for (const StoredTensor* tensor : checkpoint.tensors()) elements += tensor->elements();
    return elements * static_cast<std::int64_t>(c10::elementSize(dtype));
}

// As `convert`, weight by weight into a file.
Transformer convert_paged(Transformer model, at::ScalarType dtype, PagedWeights& pages) {
    for (auto& [name, tensor] : model.parameters()) {
        const Tensor read = *tensor;
        *tensor = pages.settle(read.to(dtype));
        pages.settle(read);  // its pages leave
        ::malloc_trim(0);    // and the copy's: the heap would keep them for the next one
    }
    return convert(std::move(model), dtype, at::kCPU);
}

}  // namespace

LoadedModel load_model(const fs::path& model, at::ScalarType dtype, at::Device device, std::int64_t memory_limit) {
    std::error_code failed;
    bool folder = fs::is_directory(model, failed);
    // The config first: it says most about a model that can't be read, and needs no weights.
    if (folder) architecture_of(read_json(model / "config.json"), (model / "config.json").string());
    auto checkpoint = std::make_shared<Checkpoint>(model);
    auto [config, subject] = config_of(model, *checkpoint);
    const Architecture& architecture = architecture_of(config, subject);
    refuse_quantized(config, subject);
    ModelConfig composition = architecture.configure(config, subject);
    // Hashed beside the reading: a thread that calls no torch.
    auto sha256 = std::async(std::launch::async, [checkpoint] { return checkpoint->sha256(); });
    std::shared_ptr<PagedWeights> pages;
    if (memory_limit > 0 && device.is_cpu() && bytes_as(*checkpoint, dtype) > memory_limit)
        pages = std::make_shared<PagedWeights>(checkpoint, cache_folder().empty() ? fs::temp_directory_path() : cache_folder() / "spilled");
    Weights weights(checkpoint, pages);
    Transformer transformer = architecture.load(composition, weights);
    transformer = pages ? convert_paged(std::move(transformer), dtype, *pages) : convert(std::move(transformer), dtype, device);
    if (pages) pages->plan(transformer, memory_limit);
    transformer.pages = pages;
    return {model, sha256.get(), std::move(transformer)};
}

}  // namespace microtome
