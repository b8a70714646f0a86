// CSV as RFC 4180: commas, CRLF or LF, quotes around cells that hold commas, quotes or line breaks. Spaces belong to the cell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace microtome {

struct CsvRow {
    std::size_t line = 0;  // of the file, counted from 1, where the row begins
    std::vector<std::string> cells;
};

/// Reads row by row; errors name `file`:line.
class CsvReader {
  public:
    CsvReader(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}
    /// False at the end. A row of more than `most` bytes is an Error.
    bool next(CsvRow& row, std::size_t most);

  private:
    std::string cell(std::size_t line);
    std::string quoted(std::size_t line);
    std::string_view text_;
    std::string file_;
    std::size_t at_ = 0, line_ = 1;
};

/// The cell as it stands in a file: quoted if it must be.
std::string csv_cell(std::string_view text);
/// Cells with commas between and a line break (LF) after.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace microtome
