// Result files of a run: result.json, result.h5, one CSV a view (formats: resources/docs/formats.md).
#pragma once

#include <filesystem>
#include <span>

#include "analyses/views/result.h"
#include "core/base/json.h"

namespace microtome {

/// JSON of one view, without its name. `inline_cells`: grids larger than this refer to result.h5 instead of holding values.
Json view_to_json(const NamedView& view, std::size_t inline_cells = 100'000);
Json result_to_json(const Result& result, std::size_t inline_cells = 100'000);
/// The inverse of result_to_json; grids kept in result.h5 are read from `folder`. Errors name file and JSON pointer.
Result result_from_json(const Json& json, const std::filesystem::path& folder, const std::string& subject);

/// result.h5: /views/NAME with labelled axes as attributes, mask and sem beside; NaN where JSON has null.
void write_result_h5(const std::filesystem::path& file, const Result& result);
Result read_result_h5(const std::filesystem::path& file);
/// The same of a file held in memory; `shown` is its name in messages.
Result read_result_h5(std::span<const std::byte> image, const std::string& shown);

/// Long form: one row a cell, axis labels first, then value, sem, computed. A table or curve as its columns.
std::string view_to_csv(const View& view);

/// result.json, result.h5, NAME.csv a view into `folder` (made if missing), each written aside and renamed.
void write_result(const std::filesystem::path& folder, const Result& result);
/// result.json (and result.h5) of a folder.
Result read_result(const std::filesystem::path& folder);

}  // namespace microtome
