#include "core/models/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "core/models/architecture.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

fs::path environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? fs::path(value) : fs::path();
}

fs::path hub_cache() {
    if (auto cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
    if (auto home = environment("HF_HOME"); !home.empty()) return home / "hub";
    return environment("HOME") / ".cache" / "huggingface" / "hub";
}

// models--ORG--NAME/refs/main names the snapshot; without it the newest folder counts.
fs::path in_hub_cache(const std::string& model) {
    std::string key = "models--" + model;
    for (std::size_t at; (at = key.find('/')) != std::string::npos;) key.replace(at, 1, "--");
    fs::path root = hub_cache() / key;
    std::error_code ignored;
    if (fs::exists(root / "refs" / "main", ignored)) {
        std::string commit = read_file(root / "refs" / "main", 1000);
        commit.erase(std::remove_if(commit.begin(), commit.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }),
                     commit.end());
        if (fs::is_directory(root / "snapshots" / commit, ignored)) return root / "snapshots" / commit;
    }
    fs::path newest;
    if (fs::is_directory(root / "snapshots", ignored))
        for (const auto& entry : fs::directory_iterator(root / "snapshots", ignored))
            if (entry.is_directory() && (newest.empty() || entry.last_write_time() > fs::last_write_time(newest))) newest = entry.path();
    return newest;
}

}  // namespace

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
    if (fs::exists(model, failed)) throw Error(model, "a model folder with config.json", "a file");
    fs::path cached = in_hub_cache(model);
    if (!cached.empty()) return cached;
    throw Error("model " + model,
                "a bundled name (microtome list models), a folder, or a name in the local hub cache " + hub_cache().string(),
                "none of these");
}

LoadedModel load_model(const fs::path& folder, at::ScalarType dtype, at::Device device) {
    fs::path file = folder / "config.json";
    Json config = read_json(file);
    const Architecture& architecture = architecture_of(config, file.string());
    ModelConfig composition = architecture.configure(config, file.string());
    auto checkpoint = std::make_shared<Checkpoint>(folder);
    Weights weights(checkpoint);
    LoadedModel loaded{folder, checkpoint->sha256(), {}};
    loaded.transformer = convert(architecture.load(composition, weights), dtype, device);
    return loaded;
}

}  // namespace microtome
