#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/digest.h"
#include "core/base/environment.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

void require(bool good) {
    if (!good) throw Error("checksum", "a working OpenSSL", "an error from it");
}

constexpr std::uintmax_t large = std::uintmax_t{64} << 20;  // smaller files are hashed faster than a user notices

// Where the hash of this very file, unchanged, is kept. Empty: nowhere.
fs::path memory_of(const fs::path& file) {
    struct stat s {};
    if (::stat(file.c_str(), &s) != 0 || static_cast<std::uintmax_t>(s.st_size) < large) return {};
    if (cache_folder().empty()) return {};
    std::string key;
    for (auto n : {static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino), static_cast<std::int64_t>(s.st_size),
                   static_cast<std::int64_t>(s.st_mtim.tv_sec), static_cast<std::int64_t>(s.st_mtim.tv_nsec),
                   static_cast<std::int64_t>(s.st_ctim.tv_sec), static_cast<std::int64_t>(s.st_ctim.tv_nsec)})
        key += std::to_string(n) + " ";
    return cache_folder() / "hashes" / sha256(key);
}

bool is_hash(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Digest::Digest(Kind kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(context_ && EVP_DigestInit_ex(context_.get(), kind == Kind::sha256 ? EVP_sha256() : EVP_sha1(), nullptr) == 1);
}

void Digest::add(const void* data, std::size_t size) {
    require(EVP_DigestUpdate(context_.get(), data, size) == 1);
}

std::string Digest::text() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
    std::string out;
    for (unsigned int i = 0; i < length; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

std::string sha256(std::span<const std::byte> bytes) {
    Digest digest;
    digest.add(bytes.data(), bytes.size());
    return digest.text();
}

std::string sha256(std::string_view text) {
    return sha256(std::as_bytes(std::span(text)));
}

// Read, not mapped: what is only hashed takes no memory.
std::string sha256_file(const fs::path& file) {
    int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw Error(file.string(), "a readable file", std::strerror(errno));
    Digest digest;
    std::vector<char> buffer(std::size_t{1} << 20);
    ssize_t n = 0;
    while ((n = ::read(fd, buffer.data(), buffer.size())) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        digest.add(buffer.data(), static_cast<std::size_t>(n));
    }
    int failure = errno;
    ::close(fd);
    if (n < 0) throw Error(file.string(), "a readable file", std::strerror(failure));
    return digest.text();
}

std::string remembered_sha256(const fs::path& file) {
    fs::path memory = memory_of(file);
    std::error_code failed;
    if (memory.empty()) return sha256_file(file);
    if (fs::is_regular_file(memory, failed) && fs::file_size(memory, failed) == 64)
        if (std::string known = read_file(memory, 64); is_hash(known)) return known;
    std::string hash = sha256_file(file);
    // Not if the file changed meanwhile; and a cache that can't be written is no reason to stop.
    if (memory_of(file) == memory) try {
            fs::create_directories(memory.parent_path(), failed);
            write_file(memory, hash);
        } catch (const Error&) {
        }
    return hash;
}

}  // namespace microtome
