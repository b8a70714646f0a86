// Names near a mistyped one, for error messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace microtome {

/// Levenshtein distance, a swap of neighbours counting 1 (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// At most three of `known` that are near `name` (a third of its length in edits, or one begins with the other), nearest first.
std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& known);

/// "\"topk\"", or "\"topk\" (did you mean \"top_k\"?)" if something is near.
std::string with_suggestion(std::string_view name, const std::vector<std::string>& known);

/// "a, b or c".
std::string joined(const std::vector<std::string>& words, std::string_view last = " or ");

}  // namespace microtome
