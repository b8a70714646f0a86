#include "core/text/utf8.h"

#include <unicode/uchar.h>

#include "core/base/error.h"

namespace microtome {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t at) {
    return static_cast<std::uint8_t>(text[at]);
}

// The range that a second byte must lie in (Unicode 15, table 3-7): excludes overlong forms, surrogates and values over 10FFFF.
bool second_fits(std::uint8_t first, std::uint8_t second) {
    switch (first) {
        case 0xe0:
            return second >= 0xa0 && second <= 0xbf;
        case 0xed:
            return second >= 0x80 && second <= 0x9f;
        case 0xf0:
            return second >= 0x90 && second <= 0xbf;
        case 0xf4:
            return second >= 0x80 && second <= 0x8f;
        default:
            return second >= 0x80 && second <= 0xbf;
    }
}

void hex_escape(std::string& out, std::uint8_t byte) {
    out += "\\x";
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
}

std::uint32_t category(char32_t c) {
    return U_GET_GC_MASK(static_cast<UChar32>(c));
}

bool has(char32_t c, UProperty property) {
    return u_hasBinaryProperty(static_cast<UChar32>(c), property);
}

}  // namespace

CodePoint code_point(std::string_view text, std::size_t at) {
    const std::uint8_t first = byte_at(text, at);
    if (first < 0x80) return {first, 1, true};
    if (first < 0xc2 || first > 0xf4) return {first, 1, false};
    const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t value = first & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if (at + i >= text.size()) return {first, i, false};
        const std::uint8_t next = byte_at(text, at + i);
        if (i == 1 ? !second_fits(first, next) : (next & 0xc0) != 0x80) return {first, i, false};
        value = value << 6 | (next & 0x3f);
    }
    return {value, length, true};
}

void append_utf8(std::string& text, char32_t c) {
    const auto put = [&](char32_t bits) { text += static_cast<char>(bits); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
    }
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        if (!c.valid) return false;
        i += c.bytes;
    }
    return true;
}

void require_utf8(std::string_view text, const std::string& subject) {
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        if (!c.valid) {
            std::string got;
            hex_escape(got, byte_at(text, i));
            throw Error(subject, "UTF-8 text", got + " at byte " + std::to_string(i));
        }
        i += c.bytes;
    }
}

std::string to_valid_utf8(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size();) {
        const CodePoint c = code_point(bytes, i);
        out += c.valid ? bytes.substr(i, c.bytes) : std::string_view("\xef\xbf\xbd");
        i += c.bytes;
    }
    return out;
}

std::string readable(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size();) {
        const CodePoint c = code_point(bytes, i);
        if (c.valid) {
            out += bytes.substr(i, c.bytes);
        } else {
            for (std::size_t k = i; k < i + c.bytes; ++k) hex_escape(out, byte_at(bytes, k));
        }
        i += c.bytes;
    }
    return out;
}

bool is_white_space(char32_t c) {
    return has(c, UCHAR_WHITE_SPACE);
}

bool is_numeric(char32_t c) {
    return category(c) & U_GC_N_MASK;
}

bool is_punctuation(char32_t c) {
    return (category(c) & U_GC_P_MASK) || (c < 0x80 && (category(c) & U_GC_S_MASK));
}

bool is_mark(char32_t c) {
    return category(c) & U_GC_M_MASK;
}

bool is_word(char32_t c) {
    return has(c, UCHAR_ALPHABETIC) || (category(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) || has(c, UCHAR_JOIN_CONTROL);
}

}  // namespace microtome
