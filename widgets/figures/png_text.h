// The manifest inside a PNG: an iTXt chunk (PNG 1.2, 4.2.3.3), UTF-8, not compressed. Qt's own writer would change its white space.
#pragma once

#include <string>
#include <string_view>

namespace microtome {

/// `png` with a text under `key`, right after its header.
std::string with_png_text(std::string_view png, std::string_view key, std::string_view text);
/// The text under `key`; empty if there is none or the file is not a PNG.
std::string png_text(std::string_view png, std::string_view key);

}  // namespace microtome
