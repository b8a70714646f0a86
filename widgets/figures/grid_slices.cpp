#include "widgets/figures/grid_slices.h"

#include <algorithm>

#include "core/base/error.h"
#include "widgets/figures/text.h"

namespace microtome {
namespace {

std::size_t axis_named(const Grid& grid, const std::string& name, const char* option) {
    std::string known;
    for (std::size_t i = 0; i < grid.axes.size(); ++i) {
        if (grid.axes[i].name == name) return i;
        known += (i ? ", " : "") + grid.axes[i].name;
    }
    throw Error(option, "one of the axes " + known, "'" + name + "'");
}

bool counts_tokens(const std::string& name) {
    static const std::vector<std::string> names{"source", "src", "key", "dest", "destination", "query", "position"};
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

GridSlices::GridSlices(const Grid& grid, const std::string& row_axis, const std::string& col_axis) {
    std::size_t rank = grid.axes.size();
    if (rank == 0 || grid.size() == 0) {
        rows_ = cols_ = 0;
        return;
    }
    constexpr std::size_t none = SIZE_MAX;
    std::size_t col = col_axis.empty() ? none : axis_named(grid, col_axis, "col_axis");
    std::size_t row = row_axis.empty() ? none : axis_named(grid, row_axis, "row_axis");
    if (rank > 1 && row != none && row == col) throw Error("row_axis", "another axis than the columns'", "'" + row_axis + "'");
    auto last_but = [rank](std::size_t other) { return rank - 1 == other ? rank - 2 : rank - 1; };
    if (rank == 1) {
        col = 0, row = none;
    } else {
        if (col == none) col = last_but(row);
        if (row == none) row = last_but(col);
    }

    std::vector<std::size_t> strides(rank, 1);
    for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * grid.axes[i].size();
    col_name_ = grid.axes[col].name, col_labels_ = grid.axes[col].labels, cols_ = grid.axes[col].size(), col_stride_ = strides[col];
    if (row != none)
        row_name_ = grid.axes[row].name, row_labels_ = grid.axes[row].labels, rows_ = grid.axes[row].size(), row_stride_ = strides[row];
    offsets_ = {0};
    for (std::size_t i = 0; i < rank; ++i) {
        if (i == row || i == col) continue;
        leads_.push_back({grid.axes[i].name, grid.axes[i].labels, strides[i]});
        std::vector<std::size_t> longer;
        for (std::size_t offset : offsets_)
            for (std::size_t k = 0; k < grid.axes[i].size(); ++k) longer.push_back(offset + k * strides[i]);
        offsets_ = std::move(longer);
    }
    if (leads_.size() == 2) panel_columns_ = leads_[1].labels.size();
}

GridSlices::Place GridSlices::place(std::size_t flat) const {
    Place place;
    std::size_t panel = 0;
    for (const Lead& lead : leads_) panel = panel * lead.labels.size() + flat / lead.stride % lead.labels.size();
    place.panel = panel;
    if (row_stride_) place.row = flat / row_stride_ % rows_;
    place.col = flat / col_stride_ % cols_;
    return place;
}

QString GridSlices::panel_title(std::size_t panel, bool brief) const {
    QString title;
    std::size_t rest = panel;
    for (std::size_t i = leads_.size(); i-- > 0;) {
        const Lead& lead = leads_[i];
        QString label = visible_token(lead.labels[rest % lead.labels.size()]);
        rest /= lead.labels.size();
        QString name = axis_title(lead.name);
        bool known = lead.name == "layer" || lead.name == "head";
        QString part = lead.name == "kind" || lead.name == "run" ? label
                       : brief                                   ? (known ? name.left(1) + label : label)
                                                                 : name.toLower() + ' ' + label;
        title = title.isEmpty() ? part : part + (brief ? QStringLiteral(" ") : QStringLiteral(", ")) + title;
    }
    return title;
}

bool GridSlices::square() const {
    return counts_tokens(row_name_) && counts_tokens(col_name_);
}

}  // namespace microtome
