// Where huggingface_hub, and this program, keep models of the hub: models--ORG--NAME/{blobs,refs,snapshots}.
#pragma once

#include <filesystem>
#include <string>

namespace microtome {

/// HF_HUB_CACHE, or hub/ in HF_HOME, or in ~/.cache/huggingface.
std::filesystem::path hub_cache();

/// A model as the user names it: ORG/NAME, or ORG/NAME@REVISION.
struct HubName {
    std::string name, revision = "main";

    static HubName of(const std::string& model);
    /// Whether the hub could have a model of this name.
    bool valid() const;
    /// Its folder in the cache, there or not.
    std::filesystem::path folder() const;
};

/// The snapshot that refs/REVISION names; for main, if there is no such, the newest one; an empty path if there is none.
std::filesystem::path in_hub_cache(const std::string& model);

/// Whether a folder has a config.json and weights, of several files all that the index names.
bool has_whole_model(const std::filesystem::path& folder);

}  // namespace microtome
