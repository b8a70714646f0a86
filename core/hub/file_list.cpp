#include "core/hub/file_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

bool is_hexadecimal(const std::string& text) {
    return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// It becomes a path below the snapshot.
bool stays_inside(const std::string& name) {
    if (name.empty() || name.size() > 1000 || name.front() == '/' || name.back() == '/') return false;
    for (const char c : name)
        if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == 0x7f) return false;
    const std::string rooted = "/" + name + "/";
    return rooted.find("/../") == std::string::npos && rooted.find("/./") == std::string::npos && rooted.find("//") == std::string::npos;
}

HubFile read_file_entry(const Json& entry, const std::string& subject) {
    const auto text = [](const Json& object, const char* key) {
        const auto it = object.find(key);
        return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    if (!entry.is_object()) throw Error(subject, "objects in the list of files", entry.type_name());
    HubFile file{text(entry, "rfilename"), -1, text(entry, "blobId")};
    if (!stays_inside(file.name)) throw Error(subject, "names of files inside the model's folder", "\"" + file.name + "\"");
    const Json* sized = &entry;
    if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
        file.checksum = text(*lfs, "sha256").empty() ? text(*lfs, "oid") : text(*lfs, "sha256");
        if (lfs->contains("size")) sized = &*lfs;
    }
    if (const auto size = sized->find("size"); size != sized->end() && size->is_number_integer()) {
        file.size = size->get<std::int64_t>();
        if (file.size < 0) throw Error(subject + ", " + file.name, "a size of at least 0 bytes", size->dump());
    }
    if (!file.checksum.empty() && !is_checksum(file.checksum))
        throw Error(subject + ", " + file.name, "a SHA-256 or SHA-1 in hexadecimal", "\"" + file.checksum + "\"");
    return file;
}

bool is_pickle_name(const std::string& name) {
    const auto ends = [&name](const char* end) { return name.ends_with(end); };
    const std::string base = name.substr(name.rfind('/') + 1);
    if (ends(".bin")) return base.starts_with("pytorch_model") || base.starts_with("adapter_model") || base == "training_args.bin";
    return ends(".pt") || ends(".pth") || ends(".ckpt") || ends(".pkl") || ends(".pickle");
}

bool is_shard(const std::string& name) {
    return fnmatch("model-*-of-*.safetensors", name.c_str(), 0) == 0;
}

// One way of storing the weights is enough: the one that the loader would begin with.
std::set<std::string> weights_of(const std::vector<HubFile>& files) {
    std::set<std::string> all, shards;
    bool whole = false, indexed = false;
    for (const HubFile& file : files) {
        whole |= file.name == "model.safetensors";
        indexed |= file.name == "model.safetensors.index.json";
        if (file.name.find('/') != std::string::npos || !file.name.ends_with(".safetensors")) continue;
        all.insert(file.name);
        if (is_shard(file.name)) shards.insert(file.name);
    }
    if (whole) return {"model.safetensors"};
    if (!indexed) return all;
    if (shards.empty()) shards = all;
    shards.insert("model.safetensors.index.json");
    return shards;
}

constexpr const char* beside_weights[] = {
    "config.json",     "generation_config.json",  "tokenizer.json",    "tokenizer_config.json", "vocab.json",        "merges.txt",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",   "chat_template.json"};

std::vector<HubFile> usual_files(const HubRevision& revision, const std::string& subject) {
    const std::set<std::string> weights = weights_of(revision.files);
    std::vector<HubFile> chosen;
    for (const HubFile& file : revision.files)
        if (weights.contains(file.name) ||
            std::find(std::begin(beside_weights), std::end(beside_weights), file.name) != std::end(beside_weights))
            chosen.push_back(file);
    if (!weights.empty()) return chosen;
    std::vector<std::string> pickles;
    for (const HubFile& file : revision.files)
        if (is_pickle_name(file.name)) pickles.push_back(file.name);
    throw Error(subject, "weights in safetensors (or --file for other files)",
                pickles.empty() ? "none" : "pickles alone, which can run code and are never fetched (" + pickles.front() + ")");
}

}  // namespace

bool is_checksum(const std::string& text) {
    return (text.size() == 64 || text.size() == 40) && is_hexadecimal(text);
}

HubRevision read_revision(const Json& answer, const std::string& subject) {
    if (!answer.is_object() || !answer.contains("siblings") || !answer["siblings"].is_array())
        throw Error(subject, "a list of files (siblings)", answer.type_name());
    HubRevision revision;
    if (answer.contains("sha") && answer["sha"].is_string()) revision.commit = answer["sha"].get<std::string>();
    if (revision.commit.size() != 40 || !is_hexadecimal(revision.commit))
        throw Error(subject, "a commit (sha) of 40 digits", "\"" + revision.commit + "\"");
    std::set<std::string> seen;
    for (const Json& entry : answer["siblings"]) {
        revision.files.push_back(read_file_entry(entry, subject));
        if (!seen.insert(revision.files.back().name).second)
            throw Error(subject, "each file once", "\"" + revision.files.back().name + "\" twice");
    }
    return revision;
}

std::vector<HubFile> choose_files(const HubRevision& revision, const std::vector<std::string>& globs, const std::string& subject) {
    if (globs.empty()) return usual_files(revision, subject);
    std::vector<HubFile> chosen;
    std::set<std::string> taken;
    for (const std::string& glob : globs) {
        bool matched = false;
        for (const HubFile& file : revision.files) {
            if (fnmatch(glob.c_str(), file.name.c_str(), 0) != 0) continue;
            matched = true;
            if (is_pickle_name(file.name)) {
                if (file.name == glob) throw Error(file.name, "no pickle: they can run code and are never fetched", "one");
                continue;  // a pattern leaves it out
            }
            if (taken.insert(file.name).second) chosen.push_back(file);
        }
        std::vector<std::string> names;
        for (const HubFile& file : revision.files) names.push_back(file.name);
        if (!matched) throw Error("--file", "a file of " + subject, with_suggestion(glob, names));
    }
    if (chosen.empty()) throw Error("--file", "a file of " + subject + " that is no pickle", joined(globs));
    return chosen;
}

}  // namespace microtome
