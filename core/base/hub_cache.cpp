#include "core/base/hub_cache.h"

#include <algorithm>
#include <cctype>

#include "core/base/environment.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/json.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

bool is_word(std::string_view part) {
    return !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' && part.find("..") == std::string_view::npos &&
           part.find("--") == std::string_view::npos &&
           std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

fs::path hub_cache() {
    if (auto cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
    if (auto home = environment("HF_HOME"); !home.empty()) return home / "hub";
    return environment("HOME") / ".cache" / "huggingface" / "hub";
}

HubName HubName::of(const std::string& model) {
    const std::size_t at = model.find('@');
    if (at == std::string::npos) return {model};
    return {model.substr(0, at), model.substr(at + 1)};
}

bool HubName::valid() const {
    const std::size_t slash = name.find('/');
    const bool named = slash == std::string::npos ? is_word(name) : is_word(name.substr(0, slash)) && is_word(name.substr(slash + 1));
    // A branch, a tag, a commit, or refs/pr/1: what git allows and a file name can be.
    const bool revised = !revision.empty() && revision.size() <= 200 && revision.front() != '/' && revision.back() != '/' &&
                         revision.find("..") == std::string::npos && revision.find("//") == std::string::npos &&
                         std::all_of(revision.begin(), revision.end(), [](unsigned char c) {
                             return std::isalnum(c) || c == '.' || c == '_' || c == '-' || c == '/' || c == '+';
                         });
    return named && revised;
}

fs::path HubName::folder() const {
    std::string key = "models--" + name;
    for (std::size_t at; (at = key.find('/')) != std::string::npos;) key.replace(at, 1, "--");
    return hub_cache() / key;
}

fs::path in_hub_cache(const std::string& model) {
    const HubName hub = HubName::of(model);
    if (!hub.valid()) return {};
    const fs::path root = hub.folder();
    std::error_code ignored;
    if (fs::is_regular_file(root / "refs" / hub.revision, ignored)) {
        std::string commit = read_file(root / "refs" / hub.revision, 1000);
        commit.erase(std::remove_if(commit.begin(), commit.end(), [](unsigned char c) { return !std::isalnum(c); }), commit.end());
        if (!commit.empty() && fs::is_directory(root / "snapshots" / commit, ignored)) return root / "snapshots" / commit;
    }
    if (hub.revision != "main")  // a commit names its own snapshot
        return hub.revision.find('/') == std::string::npos && fs::is_directory(root / "snapshots" / hub.revision, ignored)
                   ? root / "snapshots" / hub.revision
                   : fs::path();
    fs::path newest;
    if (fs::is_directory(root / "snapshots", ignored))
        for (const auto& entry : fs::directory_iterator(root / "snapshots", ignored))
            if (entry.is_directory() && (newest.empty() || entry.last_write_time() > fs::last_write_time(newest))) newest = entry.path();
    return newest;
}

bool has_whole_model(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::exists(folder / "config.json", ignored)) return false;
    if (fs::exists(folder / "model.safetensors", ignored)) return true;
    const fs::path index = folder / "model.safetensors.index.json";
    if (!fs::exists(index, ignored)) return false;
    const Json json = read_json(index);
    if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) return true;  // its reader says what is wrong
    return std::all_of(json["weight_map"].begin(), json["weight_map"].end(), [&folder](const Json& file) {
        std::error_code absent;
        return !file.is_string() || fs::exists(folder / file.get<std::string>(), absent);
    });
}

}  // namespace microtome
