// Files: read whole, mapped read-only, and written so that an existing file is never damaged.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace microtome {

/// The whole file; an Error if it can't be read or is larger than `most` bytes.
std::string read_file(const std::filesystem::path& file, std::size_t most = std::size_t{1} << 30);

/// A file mapped read-only; pages are shared with every process that maps it.
class MappedFile {
  public:
    explicit MappedFile(const std::filesystem::path& file);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return {data_, size_}; }
    /// Bytes that are not needed any more leave this process's memory; read again, they come from the file.
    void release(std::span<const std::byte> bytes) const;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Writes a temporary beside `file`; `commit` flushes and renames it over `file`. Without `commit` the temporary is removed.
class AtomicFile {
  public:
    explicit AtomicFile(std::filesystem::path file);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::string_view bytes);
    void commit();
    /// The temporary's name, for libraries that open files themselves; then `commit` only renames.
    const std::filesystem::path& temporary() const { return temporary_; }

  private:
    std::filesystem::path file_, temporary_;
    int descriptor_ = -1;
    bool done_ = false;
};

void write_file(const std::filesystem::path& file, std::string_view bytes);

/// Lower-case hexadecimal SHA-256 (FIPS 180-4).
std::string sha256(std::span<const std::byte> bytes);
std::string sha256(std::string_view text);
std::string sha256_file(const std::filesystem::path& file);
/// The same; of a large file it is kept in the user's cache folder, under the file's identity, size and times of change.
std::string remembered_sha256(const std::filesystem::path& file);

}  // namespace microtome
