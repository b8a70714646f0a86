// A grid of any rank seen as panels of rows and columns.
#pragma once

#include <QString>
#include <string>
#include <vector>

#include "analyses/views/result.h"

namespace microtome {

class GridSlices {
  public:
    /// Rows and columns are the named axes, by default the last two; a grid of one axis is one row. An Error names an unknown axis.
    GridSlices(const Grid& grid, const std::string& row_axis, const std::string& col_axis);

    std::size_t panels() const { return offsets_.size(); }
    std::size_t rows() const { return rows_; }
    std::size_t cols() const { return cols_; }
    /// With two leading axes, panels form a table of the first by the second; else 0 (any arrangement).
    std::size_t panel_columns() const { return panel_columns_; }

    /// Place in the grid's values.
    std::size_t flat(std::size_t panel, std::size_t row, std::size_t col) const {
        return offsets_[panel] + row * row_stride_ + col * col_stride_;
    }
    struct Place {
        std::size_t panel = 0, row = 0, col = 0;
    };
    Place place(std::size_t flat) const;

    const std::string& row_name() const { return row_name_; }
    const std::string& col_name() const { return col_name_; }
    const std::vector<std::string>& row_labels() const { return row_labels_; }
    const std::vector<std::string>& col_labels() const { return col_labels_; }
    /// "layer 0, head 3" or, short, "L0 H3"; empty for a single panel.
    QString panel_title(std::size_t panel, bool brief) const;
    /// Rows and columns both count tokens: such maps are drawn square.
    bool square() const;

  private:
    struct Lead {
        std::string name;
        std::vector<std::string> labels;
        std::size_t stride = 1;
    };

    std::size_t rows_ = 1, cols_ = 1, row_stride_ = 0, col_stride_ = 1, panel_columns_ = 0;
    std::string row_name_, col_name_;
    std::vector<std::string> row_labels_, col_labels_;
    std::vector<Lead> leads_;
    std::vector<std::size_t> offsets_;
};

}  // namespace microtome
