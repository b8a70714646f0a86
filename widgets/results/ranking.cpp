#include "widgets/results/ranking.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "widgets/grid_node.h"

namespace microtome {
namespace {

std::vector<std::size_t> ranked(const Grid& grid, std::size_t most, double least) {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < grid.size(); ++i)
        if (grid.computed(i) && std::isfinite(grid.values[i]) && grid.values[i] != 0 && std::abs(grid.values[i]) >= least)
            cells.push_back(i);
    const auto larger = [&](std::size_t a, std::size_t b) {
        const double x = std::abs(grid.values[a]), y = std::abs(grid.values[b]);
        return x != y ? x > y : a < b;
    };
    most = std::min(most, cells.size());
    std::partial_sort(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(most), cells.end(), larger);
    cells.resize(most);
    return cells;
}

std::string approximate_unit(const Grid& grid, const std::string& unit) {
    if (grid.approximate.empty()) return unit;
    return (unit.empty() ? "" : unit + ", ") + "approximate, " + grid.approximate;
}

// Layers and heads sort as numbers.
Cell label_cell(const Axis& axis, std::size_t index) {
    const std::string& label = axis.labels[index];
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (failed == std::errc() && end == label.data() + label.size() && axis.name != "position" && axis.name != "source") return number;
    return label;
}

}  // namespace

Table strongest_cells(const Grid& grid, std::size_t most, double least, const Spread* spread) {
    Table table;
    table.columns.push_back({"value", approximate_unit(grid, "")});
    const bool interval = spread && spread->low, count = spread && spread->n;
    if (interval) table.columns.insert(table.columns.end(), {{"low", ""}, {"high", ""}});
    if (count) table.columns.push_back({"n", ""});
    for (const Axis& axis : grid.axes) table.columns.push_back({axis.name, ""});
    for (std::size_t cell : ranked(grid, most, least)) {
        const std::vector<std::size_t> at = coordinates(grid, cell);
        std::vector<Cell> row{grid.values[cell]};
        if (interval) row.insert(row.end(), {spread->low->values[cell], spread->high->values[cell]});
        if (count) row.push_back(static_cast<std::int64_t>(spread->n->values[cell]));
        for (std::size_t axis = 0; axis < at.size(); ++axis) row.push_back(label_cell(grid.axes[axis], at[axis]));
        table.rows.push_back(std::move(row));
    }
    return table;
}

std::size_t strongest_cell(const Grid& grid, std::size_t most, double least, std::size_t row) {
    return ranked(grid, most, least).at(row);
}

Table marginal(const Grid& grid, std::size_t axis) {
    std::vector<double> sum(grid.axes[axis].size(), 0);
    std::vector<std::int64_t> count(sum.size(), 0);
    for (std::size_t i = 0; i < grid.size(); ++i) {
        if (!grid.computed(i) || !std::isfinite(grid.values[i])) continue;
        const std::size_t at = coordinates(grid, i)[axis];
        sum[at] += grid.values[i];
        ++count[at];
    }
    Table table;
    table.columns = {{grid.axes[axis].name, ""}, {"mean", approximate_unit(grid, grid.unit)}, {"cells", ""}};
    for (std::size_t i = 0; i < sum.size(); ++i)
        table.rows.push_back({label_cell(grid.axes[axis], i), count[i] ? sum[i] / static_cast<double>(count[i]) : std::nan(""), count[i]});
    return table;
}

}  // namespace microtome
