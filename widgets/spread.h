// How sure a cell of a map is, and of how many pairs: what stands beside its value in tooltips, tables and rankings.
#pragma once

#include <QString>
#include <memory>
#include <optional>

#include "analyses/views/result.h"

namespace microtome {

/// The grids beside another one (analyses/views/companions.h).
struct Spread {
    std::optional<Grid> low, high, n;

    bool any() const { return low || n; }
    /// "[0.31, 0.52] (95 %), n 40"; empty where nothing is known.
    QString text(std::size_t flat) const;
};

/// Null if there is none of it.
std::shared_ptr<const Spread> spread_of(const Result& result, const std::string& view);

/// The text with a space before it, or nothing.
QString spread_text(const std::shared_ptr<const Spread>& spread, std::size_t flat);

}  // namespace microtome
