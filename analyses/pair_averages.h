// From numbers of single pairs to the numbers of a map: a mean or, for recovery, a ratio of means, with how sure it is and of how many
// pairs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analyses/bootstrap.h"
#include "analyses/files/prompts.h"
#include "analyses/presets.h"
#include "core/base/progress.h"
#include "hooks/metric.h"

namespace microtome {

/// Which pairs a cell is an average over: those that have what it patches (a role).
struct CellPairs {
    std::vector<std::vector<std::size_t>> sets;  // ascending
    std::vector<std::size_t> of;                 // [cell] -> its set

    const std::vector<std::size_t>& at(std::size_t cell) const { return sets[of[cell]]; }
};
CellPairs pairs_of_cells(const PatchSweep& sweep);
/// Of each cell's pairs those that are among `pairs` (ascending).
CellPairs only(CellPairs who, const std::vector<std::size_t>& pairs);
/// All pairs for every cell.
CellPairs all_pairs(std::size_t pairs, std::size_t cells);

/// The metric of the two unpatched runs by pair, and how a map of it is told.
struct PairScale {
    std::vector<double> clean, corrupt;
    bool recovery = false;  // (m − corrupt) / (clean − corrupt), of means

    /// A metric's part in the sum above the line, and that of a change of the metric; the sum below it.
    double level(double m, std::size_t pair) const { return recovery ? m - corrupt[pair] : m; }
    double below(std::size_t pair) const { return recovery ? clean[pair] - corrupt[pair] : 1; }
};

struct PairNumbers {
    std::function<double(std::size_t cell, std::size_t pair)> top;
    const PairScale& scale;
    const CellPairs& who;

    /// Σ top / Σ below over the cell's pairs; NaN where that is 0.
    double mean(std::size_t cell) const;
    /// Standard error of the mean; NaN for one pair, and for recovery: a ratio has an interval instead.
    double error(std::size_t cell) const;
};

struct BootstrapOptions {
    int resamples = 1000;
    int seed = 0;
};

/// Of these cells, in their order; none for 0 resamples or one pair in all, or if stopped.
std::optional<std::vector<Interval>> intervals_of(const PairNumbers& numbers, const std::vector<std::size_t>& cells,
                                                  const BootstrapOptions& options, const Progress& progress);

/// The map's companions, in its axes: ends of the interval, and pairs a cell.
struct PairSpread {
    std::optional<Grid> low, high, n;
};
/// `flat`: of each cell, its index in `map`; cells that the map has not computed are left out. None of it for one pair.
PairSpread spread_of(const PairNumbers& numbers, const std::vector<std::size_t>& flat, const Grid& map, const BootstrapOptions& options,
                     const Progress& progress);
/// "95 %, percentile bootstrap over pairs, 1000 resamples, seed 0".
std::string interval_text(const BootstrapOptions& options);

/// A pair is weak if clean and corrupted run differ in the metric by less than 5 % of the pairs' median difference, or not at all: its part
/// in a ratio is noise.
std::vector<std::size_t> weak_pairs(const PairScale& scale);
/// Every pair: the metric of both runs, the difference, and which are weak.
Table pair_table(const std::vector<PromptPair>& pairs, const PairScale& scale, const std::string& unit);
/// Names weak pairs, where the metric is one that pairs are compared by, and a recovery without a gap.
void warn_of_weak_pairs(const std::vector<PromptPair>& pairs, const PairScale& scale, const Metric& metric,
                        std::vector<std::string>& warnings);

}  // namespace microtome
