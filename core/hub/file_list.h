// What a model on the hub consists of, and which of its files are wanted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace microtome {

struct HubFile {
    std::string name;        // with / between folders
    std::int64_t size = -1;  // bytes; -1: the list does not say
    std::string checksum;    // SHA-256 (64 digits) of a large file, git's SHA-1 (40 digits) of a small one, or empty
};

struct HubRevision {
    std::string commit;
    std::vector<HubFile> files;
};

/// The answer of /api/models/NAME/revision/R. `subject` begins the message of an Error: names that leave their folder, checksums that are
/// none and sizes below 0 are refused.
HubRevision read_revision(const Json& answer, const std::string& subject);

bool is_checksum(const std::string& text);

/// Configuration, tokenizer and safetensors of the top folder; with `globs`, the files that match one of them (`*` and `?`, * also over /).
/// Never a pickle: an Error where only these would do.
std::vector<HubFile> choose_files(const HubRevision& revision, const std::vector<std::string>& globs, const std::string& subject);

}  // namespace microtome
