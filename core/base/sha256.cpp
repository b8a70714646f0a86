#include <openssl/evp.h>

#include <array>

#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {

std::string sha256(std::span<const std::byte> bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
        throw Error("SHA-256", "a working OpenSSL", "an error from EVP_Digest");
    std::string text;
    for (unsigned int i = 0; i < length; ++i) {
        text += "0123456789abcdef"[digest[i] >> 4];
        text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
}

std::string sha256(std::string_view text) {
    return sha256(std::as_bytes(std::span(text)));
}

}  // namespace microtome
