// Texts of several parts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace microtome {

/// The parts of `text` between the separators, empty ones too: one more than there are separators.
inline std::vector<std::string> split(std::string_view text, char by) {
    std::vector<std::string> parts{""};
    for (char c : text)
        if (c == by)
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

}  // namespace microtome
