// Code points in UTF-8 text, and their Unicode classes as the reference library's patterns and splitters understand them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace microtome {

/// What stands at `text[at]`: a code point in `bytes` bytes, or (`valid` false) the longest start of one, at least a byte.
struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 1;
    bool valid = false;
};
CodePoint code_point(std::string_view text, std::size_t at);

void append_utf8(std::string& text, char32_t c);

bool is_utf8(std::string_view text);
/// Throws an Error that names the byte if `text` is not UTF-8.
void require_utf8(std::string_view text, const std::string& subject);
/// With U+FFFD for what is not UTF-8, one for each longest start of a code point (Unicode 15, section 3.9; Rust's from_utf8_lossy).
std::string to_valid_utf8(std::string_view bytes);
/// What is not UTF-8 is shown as \xNN.
std::string readable(std::string_view bytes);

bool is_white_space(char32_t c);  // property White_Space
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_punctuation(char32_t c);  // P*, and ASCII's symbols
bool is_mark(char32_t c);         // M*
bool is_word(char32_t c);         // \w of Unicode Technical Standard 18: Alphabetic, M*, Nd, Pc, Join_Control

}  // namespace microtome
