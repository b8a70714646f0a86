// Weights in safetensors files (https://github.com/huggingface/safetensors#format): one file, or a folder of shards. Nothing is copied and
// nothing of the file is trusted: every length, shape and offset is checked before a span is handed out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/files.h"

namespace microtome {

/// Number formats a file may hold; anything else is an Error that names the tensor.
enum class StoredType { F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL };

std::string_view name_of(StoredType type);  // as the file spells it: "BF16"
std::size_t size_of(StoredType type);       // bytes an element

struct StoredTensor {
    std::string name;
    StoredType type = StoredType::F32;
    std::vector<std::int64_t> shape;  // empty: one number
    std::span<const std::byte>
        bytes;  // little-endian, row-major; NOTE: not always aligned to the element: the format allows any header length

    std::int64_t elements() const;  // product of the shape; fits, for it was checked
};

struct SafetensorsContent {
    std::vector<StoredTensor> tensors;  // in the order of their data
    std::map<std::string, std::string> metadata;
};

/// Parses a whole file in memory; the spans point into `file`. `subject` (the file's name) begins every message.
SafetensorsContent parse_safetensors(std::span<const std::byte> file, const std::string& subject);

/// One mapped file. Spans live as long as this object or a copy of `mapping()`.
class SafetensorsFile {
  public:
    explicit SafetensorsFile(const std::filesystem::path& file);
    /// Tensors that another format's parser found in `mapping`.
    SafetensorsFile(std::shared_ptr<const MappedFile> mapping, SafetensorsContent content);
    SafetensorsFile(const SafetensorsFile&) = delete;
    SafetensorsFile& operator=(const SafetensorsFile&) = delete;

    const StoredTensor* find(std::string_view name) const;  // null if missing
    const std::vector<StoredTensor>& tensors() const { return content_.tensors; }
    const std::map<std::string, std::string>& metadata() const { return content_.metadata; }
    const std::filesystem::path& path() const { return mapping_->path(); }
    std::shared_ptr<const MappedFile> mapping() const { return mapping_; }

  private:
    explicit SafetensorsFile(const std::shared_ptr<const MappedFile>& mapping);

    std::shared_ptr<const MappedFile> mapping_;
    SafetensorsContent content_;
    std::unordered_map<std::string_view, std::size_t> index_;  // views of the names in content_
};

/// A model's weights: a folder with `model.safetensors` or `model.safetensors.index.json`, one such file, or a llama2.c model. A pickle is
/// refused with the line that converts it.
class Checkpoint {
  public:
    explicit Checkpoint(const std::filesystem::path& folder_or_file);

    const StoredTensor* find(std::string_view name) const;
    /// An Error that names folder and tensor if it is missing.
    const StoredTensor& at(std::string_view name) const;
    /// Every tensor: shards in name order, in a shard the order of the data.
    const std::vector<const StoredTensor*>& tensors() const { return tensors_; }
    const std::map<std::string, std::string>& metadata() const { return shards_.front()->metadata(); }
    const std::filesystem::path& path() const { return path_; }
    /// The files, in name order.
    std::vector<std::filesystem::path> files() const;
    /// Hold this as long as a tensor uses the bytes.
    std::vector<std::shared_ptr<const MappedFile>> mappings() const;
    /// SHA-256 of the file. Of several: of what `sha256sum SHARD...` prints for them in name order. Reads every byte, unless it is
    /// remembered (files.h). From any thread.
    std::string sha256() const;
    /// The tensor was copied: its bytes leave this process's memory.
    void release(const StoredTensor& tensor) const;

  private:
    void open_shards(const std::filesystem::path& index);

    std::filesystem::path path_;
    std::vector<std::shared_ptr<const SafetensorsFile>> shards_;
    std::vector<const StoredTensor*> tensors_;
    std::unordered_map<std::string_view, const StoredTensor*> index_;
};

/// Writes a temporary, then renames. Tensors are ordered by element size, then name, so that each is aligned (as the reference library
/// does).
void write_safetensors(const std::filesystem::path& file, std::vector<StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace microtome
