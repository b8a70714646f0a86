#include "core/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace microtome {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const char* expected) {
    throw Error(file.string(), expected, std::strerror(errno));
}

class Descriptor {
  public:
    Descriptor(const std::filesystem::path& file, int flags) : fd_(::open(file.c_str(), flags | O_CLOEXEC, 0644)) {
        if (fd_ < 0) refuse(file, "a readable file");
    }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator int() const { return fd_; }

  private:
    int fd_;
};

std::size_t size_of(const Descriptor& fd, const std::filesystem::path& file) {
    struct stat s {};
    if (::fstat(fd, &s) != 0) refuse(file, "a readable file");
    if (!S_ISREG(s.st_mode)) throw Error(file.string(), "a regular file", S_ISDIR(s.st_mode) ? "a folder" : "a special file");
    return static_cast<std::size_t>(s.st_size);
}

}  // namespace

std::string read_file(const std::filesystem::path& file, std::size_t most) {
    Descriptor fd(file, O_RDONLY);
    std::size_t size = size_of(fd, file);
    if (size > most) throw Error(file.string(), "at most " + std::to_string(most) + " bytes", std::to_string(size));
    std::string text(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        ssize_t n = ::read(fd, text.data() + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) refuse(file, "a readable file");
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    text.resize(done);
    return text;
}

MappedFile::MappedFile(const std::filesystem::path& file) : path_(file) {
    Descriptor fd(file, O_RDONLY);
    size_ = size_of(fd, file);
    if (size_ == 0) return;
    // MAP_PRIVATE: copy on write is never used, pages stay those of the page cache.
    void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) refuse(file, "a file that can be mapped");
    data_ = static_cast<const std::byte*>(p);
}

MappedFile::~MappedFile() {
    if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> bytes) const {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()), end = begin + bytes.size();
    const std::uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;  // whole pages only: neighbours stay
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

AtomicFile::AtomicFile(std::filesystem::path file) : file_(std::move(file)) {
    temporary_ = file_;
    temporary_ += ".tmp-" + std::to_string(::getpid());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) refuse(file_, "a file that can be written");
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!done_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) refuse(file_, "room and permission to write");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void AtomicFile::commit() {
    int synced = ::fsync(descriptor_);
    int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (synced != 0 || closed != 0) refuse(file_, "room and permission to write");
    if (::rename(temporary_.c_str(), file_.c_str()) != 0) refuse(file_, "a file that can be replaced");
    done_ = true;
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
    AtomicFile out(file);
    out.write(bytes);
    out.commit();
}

}  // namespace microtome
