#include "core/text/byte_level.h"

#include <array>

#include "core/text/utf8.h"

namespace microtome {
namespace {

struct Letters {
    std::array<std::string, 256> of_byte;
    std::array<int, 512> to_byte;  // -1: no letter

    Letters() {
        to_byte.fill(-1);
        char32_t next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
            const char32_t letter = printable ? static_cast<char32_t>(b) : next++;
            append_utf8(of_byte[static_cast<std::size_t>(b)], letter);
            to_byte[letter] = b;
        }
    }
};

const Letters& letters() {
    static const Letters table;
    return table;
}

}  // namespace

std::string to_byte_level(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char b : bytes) out += letters().of_byte[static_cast<std::uint8_t>(b)];
    return out;
}

std::optional<std::string> from_byte_level(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        const int byte = c.valid && c.value < 512 ? letters().to_byte[c.value] : -1;
        if (byte < 0) return {};
        out += static_cast<char>(byte);
        i += c.bytes;
    }
    return out;
}

}  // namespace microtome
