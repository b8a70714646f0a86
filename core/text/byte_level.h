// GPT-2's printable letters for the 256 bytes (openai/gpt-2, encoder.py, bytes_to_unicode).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace microtome {

/// A letter for each byte: "Ġ" for a space.
std::string to_byte_level(std::string_view bytes);
/// The bytes, or nothing if a letter is none of the 256.
std::optional<std::string> from_byte_level(std::string_view letters);

}  // namespace microtome
