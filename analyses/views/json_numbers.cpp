#include "analyses/views/json_numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace microtome {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Calls leaf(i) for each cell in row-major order and nests what it returns.
template <class Leaf>
Json nested(const Lengths& shape, std::size_t axis, std::size_t& at, const Leaf& leaf) {
    Json list = Json::array();
    for (std::size_t i = 0; i < shape[axis]; ++i) list.push_back(axis + 1 == shape.size() ? leaf(at++) : nested(shape, axis + 1, at, leaf));
    return list;
}

template <class Leaf>
Json nested(const Lengths& shape, const Leaf& leaf) {
    std::size_t at = 0;
    return shape.empty() ? Json::array() : nested(shape, 0, at, leaf);
}

// Calls leaf(json, pointer) for each cell, having checked the lists' lengths.
template <class Leaf>
void flatten(const Json& json, const Lengths& shape, std::size_t axis, const std::string& pointer, const Leaf& leaf) {
    const std::size_t length = shape.empty() ? 0 : shape[axis];
    if (!json.is_array() || json.size() != length)
        throw Error(pointer, "a list of " + std::to_string(length),
                    json.is_array() ? "a list of " + std::to_string(json.size()) : json.type_name());
    for (std::size_t i = 0; i < length; ++i) {
        if (axis + 1 == shape.size())
            leaf(json[i], pointer, i);
        else
            flatten(json[i], shape, axis + 1, pointer + "/" + std::to_string(i), leaf);
    }
}

void write_lines(const Json& json, std::size_t indent, std::string& out) {
    const bool lines =
        json.is_structured() && (json.is_object() ? indent < 3 && !json.empty()
                                                  : std::any_of(json.begin(), json.end(), [](const Json& j) { return j.is_structured(); }));
    if (!lines) {
        out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
        return;
    }
    const std::string space = "\n" + std::string(indent + 1, ' ');
    out += json.is_object() ? "{" : "[";
    bool first = true;
    for (const auto& [key, value] : json.items()) {
        out += (first ? "" : ",") + space;
        if (json.is_object()) out += Json(key).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
        write_lines(value, indent + 1, out);
        first = false;
    }
    out += "\n" + std::string(indent, ' ') + (json.is_object() ? "}" : "]");
}

}  // namespace

std::size_t cells(const Lengths& shape) {
    std::size_t n = shape.empty() ? 0 : 1;
    for (std::size_t length : shape) n *= length;
    return n;
}

Json number_json(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}

Json numbers_json(std::span<const double> values, const Lengths& shape) {
    return nested(shape, [&](std::size_t i) { return number_json(values[i]); });
}

Json in_h5(const std::string& path) {
    Json json = Json::object();
    json["h5"] = path;
    return json;
}

Json mask_json(std::span<const std::uint8_t> mask, const Lengths& shape) {
    if (mask.empty()) return {};
    return nested(shape, [&](std::size_t i) { return Json(mask[i] != 0); });
}

void mark_infinities(Json& object, std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        if (std::isinf(values[i])) object[values[i] < 0 ? "minus_infinity" : "plus_infinity"].push_back(i);
}

double number_from_json(const Json& json, const std::string& pointer) {
    if (json.is_null()) return nan;
    if (!json.is_number()) throw Error(pointer, "a number or null", json.type_name());
    return json.get<double>();
}

std::vector<double> numbers_from_json(const Json& json, const Lengths& shape, const std::string& pointer) {
    std::vector<double> values;
    flatten(json, shape, 0, pointer, [&](const Json& j, const std::string& p, std::size_t i) {
        values.push_back(j.is_number() || j.is_null() ? number_from_json(j, p) : number_from_json(j, p + "/" + std::to_string(i)));
    });
    return values;
}

std::vector<std::uint8_t> mask_from_json(const Json& json, const Lengths& shape, const std::string& pointer) {
    std::vector<std::uint8_t> mask;
    if (json.is_null()) return mask;
    flatten(json, shape, 0, pointer, [&](const Json& j, const std::string& p, std::size_t i) {
        if (!j.is_boolean()) throw Error(p + "/" + std::to_string(i), "true or false", j.type_name());
        mask.push_back(j.get<bool>());
    });
    return mask;
}

void restore_infinities(JsonReader& reader, std::span<double> values) {
    for (auto [key, value] : {std::pair("minus_infinity", -infinity), {"plus_infinity", infinity}}) {
        if (!reader.has(key)) continue;
        const Json& list = reader.at(key);
        if (!list.is_array()) throw Error(reader.pointer(key), "a list of flat indices", list.type_name());
        for (const Json& index : list) {
            if (!index.is_number_unsigned() || index.get<std::uint64_t>() >= values.size() || !std::isnan(values[index.get<std::size_t>()]))
                throw Error(reader.pointer(key), "flat indices of values that are null",
                            index.dump(-1, ' ', false, Json::error_handler_t::replace));
            values[index.get<std::size_t>()] = value;
        }
    }
}

std::string json_text(const Json& json) {
    std::string out;
    write_lines(json, 0, out);
    return out + "\n";
}

}  // namespace microtome
