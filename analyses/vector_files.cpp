// Vectors in files: safetensors, HDF5, JSON.
#include <ATen/ATen.h>

#include "analyses/sources.h"
#include "core/base/error.h"
#include "core/base/near.h"
#include "core/base/safetensors.h"
#include "core/models/weights.h"
#include "hooks/store/h5.h"

namespace microtome {
namespace {

// A vector, not a model.
constexpr std::uint64_t most_numbers = std::uint64_t{1} << 26;

std::string chosen(const SourceFile& file, const std::vector<std::string>& names) {
    if (!file.part.empty()) return file.part;
    if (names.size() == 1) return names[0];
    std::vector<std::string> shown(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(names.size(), 5)));
    throw Error(file.path, "one vector, or its name after #",
                names.empty() ? "none" : joined(shown, ", ") + (names.size() > 5 ? " …" : ""));
}

Tensor from_safetensors(const SourceFile& source) {
    SafetensorsFile file(source.path);
    std::vector<std::string> names;
    for (const StoredTensor& tensor : file.tensors()) names.push_back(tensor.name);
    std::string name = chosen(source, names);
    const StoredTensor* found = file.find(name);
    if (!found) throw Error(source.path, "one of " + joined(names), with_suggestion(name, names));
    return view_of(*found, file.mapping()).to(at::kDouble);
}

Tensor from_h5(const SourceFile& source) {
    h5::File file(source.path);
    std::string name = chosen(source, file.names());
    h5::Dataset data = file.dataset(name);
    auto shape = data.shape();
    std::uint64_t count = 1;
    for (auto n : shape) count = n == 0 || count > most_numbers ? n : count * n;
    if (count > most_numbers)
        throw Error(source.path + "#" + name, "at most " + std::to_string(most_numbers) + " numbers", std::to_string(count));
    auto numbers = data.read<double>().values;
    return at::tensor(numbers, at::kDouble);
}

void collect(const Json& json, const std::string& subject, std::vector<double>& out) {
    if (json.is_number()) {
        out.push_back(json.get<double>());
    } else if (json.is_array()) {
        for (const Json& inner : json) collect(inner, subject, out);
    } else {
        throw Error(subject, "a list of numbers", json.type_name());
    }
}

Tensor from_json(const SourceFile& source) {
    Json json = read_json(source.path);
    const Json* at = &json;
    if (!source.part.empty()) {
        if (!json.is_object() || !json.contains(source.part)) throw Error(source.path, "the key " + source.part, "none");
        at = &json[source.part];
    }
    std::vector<double> numbers;
    collect(*at, source.path, numbers);
    return at::tensor(numbers, at::kDouble);
}

}  // namespace

Tensor read_vector(const std::string& source, const std::string& subject) {
    SourceFile file = parse_source_file(source);
    if (file.path.ends_with(".safetensors")) return from_safetensors(file);
    if (file.path.ends_with(".h5") || file.path.ends_with(".hdf5")) return from_h5(file);
    if (file.path.ends_with(".json")) return from_json(file);
    throw Error(subject + ", source", "a vector in a .safetensors, .h5 or .json file", "\"" + source + "\"");
}

}  // namespace microtome
