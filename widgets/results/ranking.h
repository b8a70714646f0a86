// What stands out in a grid: its largest cells, and the means along each axis.
#pragma once

#include "widgets/spread.h"

namespace microtome {

/// The `most` computed cells of largest magnitude, at least `least` and not 0: the value, what `spread` says of it, and the
/// axes' labels; ties keep the grid's order.
Table strongest_cells(const Grid& grid, std::size_t most, double least = 0, const Spread* spread = nullptr);
/// The mean over all other axes for each label of axis `axis`, of the cells that are computed and have a value, and how many they are.
Table marginal(const Grid& grid, std::size_t axis);
/// The cell that row `row` of `strongest_cells(grid, most, least)` shows.
std::size_t strongest_cell(const Grid& grid, std::size_t most, double least, std::size_t row);

}  // namespace microtome
