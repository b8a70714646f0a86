#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/llama2c_model.h"
#include "core/base/safetensors.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

// torch.save writes a zip archive, and wrote a bare pickle (protocol 2 and up begins with 0x80) before. A safetensors header of 640 bytes
// begins so too, but has its brace at byte 8.
bool is_pickle(const MappedFile& mapped) {
    const auto bytes = mapped.bytes();
    if (bytes.size() > 8 && bytes[8] == std::byte{'{'}) return false;
    const std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 4));
    return start == std::string_view("PK\3\4", 4) || (start.size() >= 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5);
}

[[noreturn]] void refuse_pickle(const fs::path& file) {
    // The name is shown inside two kinds of quotes: one that would leave them is not repeated.
    std::string name = file.filename().string();
    if (name.find_first_of("'\"\\$`!") != std::string::npos) name = "FILE";
    throw Error(file.string(),
                "safetensors (pickles can run code and are never read); convert it in its folder with: python3 -c \"import torch; from "
                "safetensors.torch "
                "import save_file; save_file({k: v.clone() for k, v in torch.load('" +
                    name + "', map_location='cpu', weights_only=True).items()}, 'model.safetensors')\"",
                "a pickle");
}

// The file that a folder's weights begin with.
fs::path entry_of(const fs::path& folder) {
    for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
        if (fs::exists(folder / name)) return folder / name;
    std::set<fs::path> pickles;
    std::error_code ignored;
    for (const auto& item : fs::directory_iterator(folder, ignored)) {
        const fs::path extension = item.path().extension();
        if (!item.is_regular_file(ignored)) continue;
        if (extension == ".pt" || extension == ".pth" || extension == ".ckpt" ||
            (extension == ".bin" && is_pickle(MappedFile(item.path()))))
            pickles.insert(item.path());
    }
    if (!pickles.empty()) refuse_pickle(*pickles.begin());
    throw Error(folder.string(), "model.safetensors or model.safetensors.index.json", "neither");
}

std::shared_ptr<const SafetensorsFile> open_file(const fs::path& file) {
    auto mapping = std::make_shared<const MappedFile>(file);
    bool llama2c = read_llama2c_header(mapping->bytes()).has_value();  // first: its width may look like a pickle's first bytes
    if (!llama2c && is_pickle(*mapping)) refuse_pickle(file);
    if (!llama2c && file.extension() != ".bin") return std::make_shared<SafetensorsFile>(file);
    return std::make_shared<SafetensorsFile>(mapping, parse_llama2c(mapping->bytes(), file.string()));
}

// NOTE: decided by the text alone: in the hub's cache every file is a symbolic link out of the folder.
bool stays_inside(const fs::path& name) {
    return !name.empty() && name.is_relative() && name.has_filename() &&
           std::none_of(name.begin(), name.end(), [](const fs::path& part) { return part == ".."; });
}

}  // namespace

Checkpoint::Checkpoint(const fs::path& folder_or_file) : path_(folder_or_file) {
    const fs::path entry = fs::is_directory(path_) ? entry_of(path_) : path_;
    if (entry.extension() == ".json") {
        open_shards(entry);
        return;
    }
    shards_.push_back(open_file(entry));
    for (const StoredTensor& t : shards_.front()->tensors()) {
        tensors_.push_back(&t);
        index_[t.name] = &t;
    }
}

void Checkpoint::open_shards(const fs::path& index) {
    const Json json = read_json(index);
    JsonReader reader(json, index.string());
    const Json& map = reader.object("weight_map").value();
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> by_name;
    for (const auto& [tensor, file] : map.items()) {
        if (!file.is_string() || !stays_inside(file.get<std::string>()))
            throw Error(index.string() + "#/weight_map/" + tensor, "the name of a file in this folder",
                        file.dump(-1, ' ', false, Json::error_handler_t::replace));
        by_name[file.get<std::string>()];
    }
    if (by_name.empty()) throw Error(index.string() + "#/weight_map", "at least one tensor", "none");
    for (auto& [name, shard] : by_name) {
        shards_.push_back(shard = std::make_shared<SafetensorsFile>(index.parent_path() / name));
        for (const StoredTensor& t : shard->tensors()) {
            const auto place = map.find(t.name);
            if (place == map.end() || *place != name) continue;  // the map decides which copy counts
            tensors_.push_back(&t);
            index_[t.name] = &t;
        }
    }
    for (const auto& [tensor, file] : map.items())
        if (!index_.contains(tensor))
            throw Error((index.parent_path() / file.get<std::string>()).string(),
                        "the tensor \"" + tensor + "\", as " + index.filename().string() + " says", "none of that name");
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
    const auto it = index_.find(name);
    return it == index_.end() ? nullptr : it->second;
}

const StoredTensor& Checkpoint::at(std::string_view name) const {
    if (const StoredTensor* found = find(name)) return *found;
    std::string some = std::to_string(tensors_.size()) + " others";
    for (std::size_t i = 0; i < std::min<std::size_t>(tensors_.size(), 3); ++i) some += (i ? ", " : ": ") + tensors_[i]->name;
    throw Error(path_.string(), "the tensor \"" + std::string(name) + "\"", some + (tensors_.size() > 3 ? ", …" : ""));
}

std::vector<fs::path> Checkpoint::files() const {
    std::vector<fs::path> files;
    for (const auto& shard : shards_) files.push_back(shard->path());
    return files;
}

std::vector<std::shared_ptr<const MappedFile>> Checkpoint::mappings() const {
    std::vector<std::shared_ptr<const MappedFile>> mappings;
    for (const auto& shard : shards_) mappings.push_back(shard->mapping());
    return mappings;
}

std::string Checkpoint::sha256() const {
    if (shards_.size() == 1) return remembered_sha256(shards_.front()->path());
    std::string lines;
    for (const auto& shard : shards_) lines += remembered_sha256(shard->path()) + "  " + shard->path().filename().string() + "\n";
    return microtome::sha256(lines);
}

void Checkpoint::release(const StoredTensor& tensor) const {
    for (const auto& shard : shards_) {
        auto whole = shard->mapping()->bytes();
        if (tensor.bytes.data() >= whole.data() && tensor.bytes.data() < whole.data() + whole.size())
            shard->mapping()->release(tensor.bytes);
    }
}

}  // namespace microtome
