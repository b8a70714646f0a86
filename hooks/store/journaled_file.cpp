#include "hooks/store/journaled_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

constexpr char magic[] = "microtome journal 1\n";

[[noreturn]] void refuse(const std::filesystem::path& path, const char* expected) {
    throw Error(path.string(), expected, std::strerror(errno));
}

int flags_of(JournaledFile::Access access) {
    switch (access) {
        case JournaledFile::Access::read:
            return O_RDONLY;
        case JournaledFile::Access::write:
            return O_RDWR;
        case JournaledFile::Access::create:
            return O_RDWR | O_CREAT | O_TRUNC;
        case JournaledFile::Access::create_new:
            break;
    }
    return O_RDWR | O_CREAT | O_EXCL;
}

void put(std::string& out, std::uint64_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Takes `size` bytes off the front of `rest`, or nothing if there are fewer.
bool take(std::string_view& rest, std::uint64_t size, std::string_view& out) {
    if (rest.size() < size) return false;
    out = rest.substr(0, size);
    rest.remove_prefix(size);
    return true;
}

bool take(std::string_view& rest, std::uint64_t& number) {
    std::string_view bytes;
    if (!take(rest, sizeof number, bytes)) return false;
    std::memcpy(&number, bytes.data(), sizeof number);
    return true;
}

}  // namespace

JournaledFile::JournaledFile(std::filesystem::path path, Access access) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), flags_of(access) | O_CLOEXEC | O_NONBLOCK, 0644);
    if (descriptor_ < 0) refuse(path_, "an HDF5 file");
    struct stat about {};
    const bool known = ::fstat(descriptor_, &about) == 0;
    if (!known || !S_ISREG(about.st_mode)) {
        ::close(descriptor_);
        throw Error(path_.string(), "a regular file", known ? "a folder or special file" : std::strerror(errno));
    }
    device_ = about.st_dev;
    inode_ = about.st_ino;
    size_ = committed_ = static_cast<std::uint64_t>(about.st_size);
    journaled_ = path_.extension() == ".part";
    writable_ = access != Access::read;
    if (journaled_ && (access == Access::create || access == Access::create_new)) ::unlink(journal_of(path_).c_str());
}

JournaledFile::~JournaledFile() {
    ::close(descriptor_);
}

void JournaledFile::lock(bool exclusive) {
    // File systems without locks go without.
    if (::flock(descriptor_, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        throw Error(path_.string(), "a file that no other program writes", "one that is open elsewhere");
    recover();
}

void JournaledFile::unlock() {
    ::flock(descriptor_, LOCK_UN);
}

void JournaledFile::read(std::uint64_t address, std::size_t size, std::byte* out) {
    recover();  // where locks are turned off
    for (std::size_t done = 0; done < size;) {
        const std::uint64_t at = address + done;
        const ssize_t n = at > INT64_MAX - size ? 0 : ::pread(descriptor_, out + done, size - done, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) refuse(path_, "a readable file");
        if (n == 0) std::memset(out + done, 0, size - done);
        done = n == 0 ? size : done + static_cast<std::size_t>(n);
    }
    auto piece = waiting_.upper_bound(address);
    if (piece != waiting_.begin()) --piece;
    for (; piece != waiting_.end() && piece->first < address + size; ++piece) {
        const std::uint64_t first = std::max(address, piece->first), last = std::min(address + size, piece->first + piece->second.size());
        if (first < last) std::memcpy(out + (first - address), piece->second.data() + (first - piece->first), last - first);
    }
}

bool JournaledFile::waits(std::uint64_t address, std::size_t size) const {
    auto piece = waiting_.lower_bound(address + size);
    return piece != waiting_.begin() && (--piece)->first + piece->second.size() > address;
}

template <class F>
void JournaledFile::keep_failure(F&& action) {
    try {
        action();
    } catch (const Error& error) {
        abandoned_ = true;
        failure_ = error.got();
        throw;
    }
}

void JournaledFile::write(std::uint64_t address, std::size_t size, const std::byte* bytes, bool plain) {
    if (abandoned_) return defer(address, size, bytes);
    try {
        keep_failure([&] { store(address, size, bytes, plain); });
    } catch (const Error&) {
        defer(address, size, bytes);  // reads still see it
        throw;
    }
}

void JournaledFile::store(std::uint64_t address, std::size_t size, const std::byte* bytes, bool plain) {
    const bool now = !journaled_ || (plain && !careful_ && !waits(address, size));
    const std::size_t seen =
        now || address >= committed_ ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(size, committed_ - address));
    if (seen > 0) defer(address, seen, bytes);
    if (seen < size) write_now(address + seen, size - seen, bytes + seen);
}

// Joins the new bytes with waiting ones that they overlap.
void JournaledFile::defer(std::uint64_t address, std::size_t size, const std::byte* bytes) {
    auto first = waiting_.upper_bound(address);
    if (first != waiting_.begin() && std::prev(first)->first + std::prev(first)->second.size() > address) --first;
    auto last = first;
    std::uint64_t begin = address, end = address + size;
    for (; last != waiting_.end() && last->first < end; ++last) {
        begin = std::min(begin, last->first);
        end = std::max(end, last->first + last->second.size());
    }
    if (first != last && std::next(first) == last && first->first == begin && first->second.size() == end - begin) {
        std::copy_n(bytes, size, first->second.data() + (address - begin));
        return;
    }
    std::vector<std::byte> joined(end - begin);
    for (auto piece = first; piece != last; ++piece)
        std::copy(piece->second.begin(), piece->second.end(), joined.begin() + static_cast<std::ptrdiff_t>(piece->first - begin));
    std::copy_n(bytes, size, joined.begin() + static_cast<std::ptrdiff_t>(address - begin));
    waiting_.erase(first, last);
    waiting_.emplace(begin, std::move(joined));
}

void JournaledFile::write_now(std::uint64_t address, std::size_t size, const std::byte* bytes) {
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = ::pwrite(descriptor_, bytes + done, size - done, static_cast<off_t>(address + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) refuse(path_, "room and permission to write");
        done += static_cast<std::size_t>(n);
        size_ = std::max(size_, address + done);
    }
}

void JournaledFile::resize(std::uint64_t size) {
    if (size == size_) return;
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) refuse(path_, "room and permission to write");
    size_ = size;
}

void JournaledFile::commit(std::uint64_t end) {
    if (!failure_.empty()) throw Error(path_.string(), "room and permission to write", failure_);
    if (abandoned_) return;
    keep_failure([&] {
        if (end > size_) resize(end);
        if (journaled_ && !waiting_.empty()) {
            write_journal(end);
            apply(end);
        }
        resize(end);
    });
    committed_ = end;
}

void JournaledFile::write_journal(std::uint64_t end) const {
    std::string out = magic;
    put(out, end);
    for (const auto& [address, bytes] : waiting_) {
        put(out, address);
        put(out, bytes.size());
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    out += sha256(out);  // tells a journal that is whole
    const std::filesystem::path journal = journal_of(path_);
    const int descriptor = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) refuse(journal, "room and permission to write");
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t n = ::write(descriptor, out.data() + done, out.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    const int reason = errno;
    if (::close(descriptor) == 0 && done == out.size()) return;
    ::unlink(journal.c_str());
    errno = reason;
    refuse(journal, "room and permission to write");
}

void JournaledFile::apply(std::uint64_t end) {
    for (const auto& [address, bytes] : waiting_) write_now(address, bytes.size(), bytes.data());
    resize(end);
    waiting_.clear();
    if (::unlink(journal_of(path_).c_str()) != 0) refuse(journal_of(path_), "a journal that can be removed");
}

// A whole journal is a commit that was killed half-way: it is brought to its end, in memory where the file is only read.
void JournaledFile::recover() {
    if (!journaled_ || recovered_) return;
    recovered_ = true;
    const std::filesystem::path journal = journal_of(path_);
    if (!std::filesystem::exists(journal)) return;
    const std::string text = read_file(journal);
    constexpr std::size_t digest = 64;
    std::string_view rest = text;
    const bool whole = text.size() > digest && text.starts_with(magic) &&
                       sha256(rest.substr(0, text.size() - digest)) == rest.substr(text.size() - digest);
    std::uint64_t end = 0, address = 0, size = 0;
    if (whole) {
        rest = rest.substr(sizeof magic - 1, text.size() - digest - (sizeof magic - 1));
        bool good = take(rest, end);
        for (std::string_view bytes; good && !rest.empty();) {
            good = take(rest, address) && take(rest, size) && take(rest, size, bytes) && address <= end && size <= end - address;
            if (good) defer(address, size, reinterpret_cast<const std::byte*>(bytes.data()));
        }
        if (!good || end > INT64_MAX) throw Error(journal.string(), "a journal of this file", "other contents");
    }
    if (!writable_) return;
    if (whole)
        apply(end);
    else
        ::unlink(journal.c_str());
    committed_ = size_;
}

}  // namespace microtome
