// Bytes that wait in a file instead of in memory, and are read through a mapping like a model's own file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace microtome {

class SpillFile {
  public:
    /// A file without a name in `folder` (made where missing): its room comes back when the process ends, however it ends.
    explicit SpillFile(const std::filesystem::path& folder);
    ~SpillFile();
    SpillFile(const SpillFile&) = delete;
    SpillFile& operator=(const SpillFile&) = delete;

    /// The same bytes, mapped read-only; they live as long as this object. An Error if the disk is full.
    std::span<const std::byte> put(std::span<const std::byte> bytes);

  private:
    std::filesystem::path folder_;
    int descriptor_ = -1;
    std::int64_t end_ = 0;
    std::vector<std::span<const std::byte>> mapped_;
};

/// Drops the pages of bytes that are mapped from a file, read-only, from this process's memory; they come back when read. Never of memory
/// that no file holds.
void drop_pages(std::span<const std::byte> mapped);
/// Asks for these pages ahead of their use.
void fetch_pages(std::span<const std::byte> mapped);

}  // namespace microtome
