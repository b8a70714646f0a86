// Inside analyses/views: the layout of result.h5.
//   /                attributes format, schema, analysis, complete; datasets warnings, summary/names, summary/values
//   /views           attribute order: the views' names
//   /views/NAME      a grid's values, with attributes kind, help, unit, diverging, axes, labels0, labels1, …
//                    and, of approximate ones, approximate
//   /views/NAME.mask, /views/NAME.sem, and /views/NAME.labels0 where an axis has too many labels for an attribute
//   /views/NAME/…    other kinds: a group with the attribute kind
// Text in HDF5 ends at NUL: that character is written as U+2400.
#pragma once

#include <filesystem>
#include <optional>

#include "analyses/views/json_numbers.h"
#include "hooks/store/h5.h"

namespace microtome {

inline constexpr const char* result_format = "microtome-result";
inline constexpr int result_schema = 1;
inline constexpr std::size_t most_labels = 1000;  // in an attribute

/// Grids that a result.json left in result.h5; the file is opened when one is asked for.
class LargeGrids {
  public:
    explicit LargeGrids(std::filesystem::path file) : file_(std::move(file)) {}
    std::vector<double> numbers(const std::string& path, const Lengths& shape) const { return read<double>(path, shape); }
    std::vector<std::uint8_t> mask(const std::string& path, const Lengths& shape) const { return read<std::uint8_t>(path, shape); }
    std::vector<std::string> texts(const std::string& path) const;

  private:
    template <class T>
    std::vector<T> read(const std::string& path, const Lengths& shape) const;
    std::filesystem::path file_;
    mutable std::optional<h5::File> opened_;
};

}  // namespace microtome
