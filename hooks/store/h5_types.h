// Element types and shapes of HDF5 files.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include "hooks/store/half.h"

namespace microtome::h5 {

/// Element type as stored. float16 is the IEEE 754 half that h5py and numpy call float16.
enum class Type { float16, float32, float64, int32, int64, uint8, string };
template <class T>
concept Number = std::same_as<T, Half> || std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint8_t>;
template <Number T>
constexpr Type type_of() {
    if constexpr (std::same_as<T, Half>) return Type::float16;
    if constexpr (std::same_as<T, float>) return Type::float32;
    if constexpr (std::same_as<T, double>) return Type::float64;
    if constexpr (std::same_as<T, std::int32_t>) return Type::int32;
    if constexpr (std::same_as<T, std::int64_t>) return Type::int64;
    return Type::uint8;
}
const char* name_of(Type type);
std::size_t size_of(Type type);

using Shape = std::vector<std::uint64_t>;
/// Number of elements; an Error naming `subject` where it overflows.
std::uint64_t elements(const Shape& shape, const std::string& subject);

template <class T>
struct Array {
    Shape shape;
    std::vector<T> values;
};

}  // namespace microtome::h5
