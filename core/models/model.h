// A model on disk: found by name, read, hashed; and written.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/models/transformer.h"

namespace microtome {

/// Folder of a bundled name, an existing folder or file, or the newest snapshot of NAME in the local hub cache (HF_HUB_CACHE, HF_HOME); an
/// Error says what was looked for.
std::filesystem::path locate_model(const std::string& model);
/// resources/ of this program: beside the executable's parents, or MICROTOME_RESOURCES.
std::filesystem::path resources_folder();
/// Name and folder of each model under resources/models.
std::vector<std::pair<std::string, std::filesystem::path>> models_in(const std::filesystem::path& folder);

struct LoadedModel {
    std::filesystem::path path;  // folder or file
    std::string sha256;          // of the weights
    Transformer transformer;
};

/// Where a model's tokenizer and config are: the folder itself, or the one that the file is in.
std::filesystem::path folder_of(const std::filesystem::path& model);

/// Reads config and weights of a folder, a llama2.c file, or a weights file with its config beside it; the weights stay mapped where dtype
/// and device need no copy.
/// On the CPU, weights of more than `memory_limit` bytes (0: no limit) stay in files and leave memory layer by layer (paging.h).
LoadedModel load_model(const std::filesystem::path& model, at::ScalarType dtype = at::kFloat, at::Device device = at::kCPU,
                       std::int64_t memory_limit = 0);

/// Writes config.json and model.safetensors: GPT-2's layout where the composition is GPT-2's, TransformerLens' names otherwise.
void save_model(const std::filesystem::path& folder, const Transformer& model, const std::map<std::string, std::string>& metadata);

}  // namespace microtome
