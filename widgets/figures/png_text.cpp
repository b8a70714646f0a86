#include "widgets/figures/png_text.h"

#include <cstdint>

namespace microtome {
namespace {

constexpr std::string_view signature("\x89PNG\r\n\x1a\n", 8);
constexpr std::size_t header_end = 8 + 4 + 4 + 13 + 4;  // signature, then IHDR: length, type, 13 bytes, checksum

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xffffffffu;
    for (unsigned char byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

std::string big_endian(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

/// The chunk's data before the text: keyword, no compression, no language, no translated keyword.
std::string preamble(std::string_view key) {
    return std::string(key) + std::string(5, '\0');
}

}  // namespace

std::string with_png_text(std::string_view png, std::string_view key, std::string_view text) {
    std::string data = preamble(key) + std::string(text), typed = "iTXt" + data;
    std::string chunk = big_endian(static_cast<std::uint32_t>(data.size())) + typed + big_endian(crc32(typed));
    return std::string(png.substr(0, header_end)) + chunk + std::string(png.substr(header_end));
}

std::string png_text(std::string_view png, std::string_view key) {
    if (!png.starts_with(signature)) return {};
    std::string before = preamble(key);
    for (std::size_t at = signature.size(); png.size() - at >= 12;) {
        std::size_t length = number_at(png, at);
        if (length > png.size() - at - 12) return {};
        std::string_view type = png.substr(at + 4, 4), data = png.substr(at + 8, length);
        if (type == "iTXt" && data.starts_with(before)) return std::string(data.substr(before.size()));
        at += 12 + length;
    }
    return {};
}

}  // namespace microtome
