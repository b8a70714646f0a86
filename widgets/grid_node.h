// Between cells of a grid and places in the model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyses/views/result.h"
#include "widgets/selection.h"

namespace microtome {

/// One index an axis.
std::vector<std::size_t> coordinates(const Grid& grid, std::size_t flat);

/// What the axes say of a cell: layer, head, position (or destination), source; the label of an axis `kind` becomes the site.
NodeRef node_of(const Grid& grid, std::size_t flat);

/// The cell of a place; none if the place lacks something the grid has an axis for (an axis `kind` without a site: its first).
/// Of an axis `run`, which no place names, it is the last one.
std::optional<std::size_t> cell_of(const Grid& grid, const NodeRef& ref);
/// The same place in every run, if the grid has an axis `run`; else the one cell, or none.
std::vector<std::size_t> cells_of(const Grid& grid, const NodeRef& ref);

/// What a preset of activation patching patches, as the site of a place: "resid_pre", "z", "q", …
std::string site_of_preset(const std::string& preset);

}  // namespace microtome
