// A model on disk: found by name, read, hashed; and written.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/models/transformer.h"

namespace microtome {

/// Folder of a bundled name, an existing folder, or the newest snapshot of NAME in the local hub cache (HF_HUB_CACHE, HF_HOME); an Error
/// says what was looked for.
std::filesystem::path locate_model(const std::string& model);
/// resources/ of this program: beside the executable's parents, or MICROTOME_RESOURCES.
std::filesystem::path resources_folder();
/// Name and folder of each model under resources/models.
std::vector<std::pair<std::string, std::filesystem::path>> models_in(const std::filesystem::path& folder);

struct LoadedModel {
    std::filesystem::path folder;
    std::string sha256;  // of the weights
    Transformer transformer;
};

/// Reads config.json and the weights of `folder`; the weights stay mapped where dtype and device need no copy.
LoadedModel load_model(const std::filesystem::path& folder, at::ScalarType dtype = at::kFloat, at::Device device = at::kCPU);

/// Writes config.json and model.safetensors: GPT-2's layout where the composition is GPT-2's, TransformerLens' names otherwise.
void save_model(const std::filesystem::path& folder, const Transformer& model, const std::map<std::string, std::string>& metadata);

}  // namespace microtome
