// Checking UTF-8 before text goes anywhere.
#pragma once

#include <cstddef>
#include <string_view>

namespace microtome {

/// The byte offset of the first byte that is not well-formed UTF-8 (Unicode table 3-7: no overlong forms, no surrogates, at most U+10FFFF);
/// npos if there is none.
std::size_t first_bad_utf8(std::string_view text);

}  // namespace microtome
