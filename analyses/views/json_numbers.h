// Inside analyses/views: arrays of numbers as nested JSON lists. JSON has no NaN: null stands there. Infinities are null too, and their
// flat indices stand beside under "minus_infinity" and "plus_infinity", so that every number reads back equal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace microtome {

using Lengths = std::vector<std::size_t>;

std::size_t cells(const Lengths& shape);

/// A finite number, or null.
Json number_json(double value);
Json numbers_json(std::span<const double> values, const Lengths& shape);
/// {"h5": path}: the values are in result.h5.
Json in_h5(const std::string& path);
/// null for an empty mask.
Json mask_json(std::span<const std::uint8_t> mask, const Lengths& shape);
void mark_infinities(Json& object, std::span<const double> values);

/// The inverse; an Error names the JSON pointer (`pointer` and below) where the lists don't have `shape`.
double number_from_json(const Json& json, const std::string& pointer);
std::vector<double> numbers_from_json(const Json& json, const Lengths& shape, const std::string& pointer);
std::vector<std::uint8_t> mask_from_json(const Json& json, const Lengths& shape, const std::string& pointer);
void restore_infinities(JsonReader& reader, std::span<double> values);

/// Objects and lists of lists one element a line, lists of numbers and strings on one line: readable, and not one line a number.
std::string json_text(const Json& json);

}  // namespace microtome
