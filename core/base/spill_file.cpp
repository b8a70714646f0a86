#include "core/base/spill_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/error.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

std::uintptr_t page_size() {
    return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
}

// madvise of the whole pages within.
void advise(std::span<const std::byte> bytes, int advice, bool whole_pages_only) {
    const std::uintptr_t page = page_size();
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()), end = begin + bytes.size();
    const std::uintptr_t first = (whole_pages_only ? begin + page - 1 : begin) / page * page, last = end / page * page;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, advice);
}

}  // namespace

SpillFile::SpillFile(const fs::path& folder) : folder_(folder) {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    std::string name = (folder_ / "spill-XXXXXX").string();
    descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ < 0)
        throw Error(folder_.string(), "a folder that can be written, for weights beyond the memory limit", std::strerror(errno));
    ::unlink(name.c_str());
}

SpillFile::~SpillFile() {
    for (auto bytes : mapped_) ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::span<const std::byte> SpillFile::put(std::span<const std::byte> bytes) {
    if (bytes.empty()) return {};
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done, end_ + static_cast<std::int64_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw Error(folder_.string(), "room for weights beyond the memory limit", n < 0 ? std::strerror(errno) : "none");
        done += static_cast<std::size_t>(n);
    }
    void* p = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_PRIVATE, descriptor_, end_);
    if (p == MAP_FAILED) throw Error(folder_.string(), "a file that can be mapped", std::strerror(errno));
    const auto page = static_cast<std::int64_t>(page_size());
    end_ += (static_cast<std::int64_t>(bytes.size()) + page - 1) / page * page;
    mapped_.emplace_back(static_cast<const std::byte*>(p), bytes.size());
    return mapped_.back();
}

void drop_pages(std::span<const std::byte> mapped) {
    advise(mapped, MADV_DONTNEED, true);
}

void fetch_pages(std::span<const std::byte> mapped) {
    advise(mapped, MADV_WILLNEED, false);
}

}  // namespace microtome
