#include "core/base/utf8.h"

namespace microtome {
namespace {

// Length of the well-formed sequence that starts at text[0]; 0 if there is none.
std::size_t sequence(std::string_view text) {
    auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    auto trail = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) { return byte(i) >= least && byte(i) <= most; };
    const unsigned b = byte(0);
    if (b < 0x80) return 1;
    if (b >= 0xc2 && b <= 0xdf) return trail(1) ? 2 : 0;
    if (b >= 0xe0 && b <= 0xef) return trail(1, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf) && trail(2) ? 3 : 0;
    if (b >= 0xf0 && b <= 0xf4) return trail(1, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf) && trail(2) && trail(3) ? 4 : 0;
    return 0;
}

}  // namespace

std::size_t first_bad_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        std::size_t n = sequence(text.substr(i, 4));
        if (n == 0) return i;
        i += n;
    }
    return std::string_view::npos;
}

}  // namespace microtome
