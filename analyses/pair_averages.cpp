#include "analyses/pair_averages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "analyses/statistics.h"

namespace microtome {
namespace {

constexpr double weak_share = 0.05;
constexpr std::size_t at_once = 512;  // cells between two looks at whether to stop
constexpr std::size_t most_named = 5;

double median(std::vector<double> x) {
    return quantile(x, 0.5);
}

std::vector<double> gaps_of(const PairScale& scale) {
    std::vector<double> gaps;
    for (std::size_t i = 0; i < scale.clean.size(); ++i) gaps.push_back(std::abs(scale.clean[i] - scale.corrupt[i]));
    return gaps;
}

std::string name_of(const std::vector<PromptPair>& pairs, std::size_t i) {
    return pairs[i].id.empty() ? std::to_string(i + 1) : pairs[i].id;
}

Grid like(const Grid& map, const std::string& unit, bool diverging) {
    Grid grid;
    grid.axes = map.axes, grid.mask = map.mask, grid.unit = unit, grid.diverging = diverging;
    grid.values.assign(grid.size(), std::nan(""));
    return grid;
}

// Intervals of cells that are averages over the same pairs.
class SetIntervals {
  public:
    SetIntervals(const PairNumbers& numbers, const std::vector<std::size_t>& pairs, const BootstrapOptions& options)
        : numbers_(numbers), pairs_(pairs), resamples_(pairs.size(), options.resamples, static_cast<std::uint64_t>(options.seed)) {
        for (std::size_t pair : pairs) bottoms_.push_back(numbers.scale.below(pair));
    }

    /// Of cells[first] to cells[last - 1].
    std::vector<Interval> of(const std::vector<std::size_t>& cells, std::size_t first, std::size_t last) const {
        std::vector<double> tops;
        for (std::size_t pair : pairs_)
            for (std::size_t i = first; i < last; ++i) tops.push_back(numbers_.top(cells[i], pair));
        return bootstrap(resamples_, tops, bottoms_);
    }

  private:
    const PairNumbers& numbers_;
    const std::vector<std::size_t>& pairs_;
    Resamples resamples_;
    std::vector<double> bottoms_;
};

}  // namespace

CellPairs pairs_of_cells(const PatchSweep& sweep) {
    CellPairs out;
    std::map<std::vector<std::size_t>, std::size_t> known;
    for (const PatchCell& cell : sweep.cells) {
        std::vector<std::size_t> pairs;
        for (std::size_t pair = 0; pair < sweep.pairs.size(); ++pair) {
            auto has = [&](int place) { return place < 0 || !sweep.places[static_cast<std::size_t>(place)][pair].empty(); };
            if (std::all_of(cell.begin(), cell.end(), [&](const PatchSlice& slice) { return has(slice.place) && has(slice.from); }))
                pairs.push_back(pair);
        }
        auto [at, fresh] = known.emplace(std::move(pairs), out.sets.size());
        if (fresh) out.sets.push_back(at->first);
        out.of.push_back(at->second);
    }
    return out;
}

CellPairs only(CellPairs who, const std::vector<std::size_t>& pairs) {
    for (auto& set : who.sets) std::erase_if(set, [&](std::size_t pair) { return !std::binary_search(pairs.begin(), pairs.end(), pair); });
    return who;
}

CellPairs all_pairs(std::size_t pairs, std::size_t cells) {
    CellPairs out{{std::vector<std::size_t>(pairs)}, std::vector<std::size_t>(cells, 0)};
    std::iota(out.sets[0].begin(), out.sets[0].end(), std::size_t{0});
    return out;
}

double PairNumbers::mean(std::size_t cell) const {
    double above = 0, below = 0;
    for (std::size_t pair : who.at(cell)) above += top(cell, pair), below += scale.below(pair);
    return below == 0 ? std::nan("") : above / below;
}

double PairNumbers::error(std::size_t cell) const {
    std::vector<double> x;
    for (std::size_t pair : who.at(cell)) x.push_back(top(cell, pair));
    return scale.recovery || x.size() < 2 ? std::nan("") : standard_error(x);
}

std::optional<std::vector<Interval>> intervals_of(const PairNumbers& numbers, const std::vector<std::size_t>& cells,
                                                  const BootstrapOptions& options, const Progress& progress) {
    if (options.resamples == 0 || numbers.scale.clean.size() < 2) return {};
    std::vector<Interval> intervals(cells.size());
    for (std::size_t set = 0; set < numbers.who.sets.size(); ++set) {
        std::vector<std::size_t> at, mine;
        for (std::size_t i = 0; i < cells.size(); ++i)
            if (numbers.who.of[cells[i]] == set) at.push_back(i), mine.push_back(cells[i]);
        const SetIntervals of_set(numbers, numbers.who.sets[set], options);
        for (std::size_t first = 0; first < mine.size(); first += at_once) {
            if (progress.stopped()) return {};
            const auto found = of_set.of(mine, first, std::min(first + at_once, mine.size()));
            for (std::size_t i = 0; i < found.size(); ++i) intervals[at[first + i]] = found[i];
        }
    }
    return intervals;
}

PairSpread spread_of(const PairNumbers& numbers, const std::vector<std::size_t>& flat, const Grid& map, const BootstrapOptions& options,
                     const Progress& progress) {
    PairSpread spread;
    if (numbers.scale.clean.size() < 2) return spread;
    spread.n = like(map, "pairs", false);
    std::vector<std::size_t> cells;
    for (std::size_t cell = 0; cell < flat.size(); ++cell)
        if (map.computed(flat[cell])) {
            spread.n->values[flat[cell]] = static_cast<double>(numbers.who.at(cell).size());
            cells.push_back(cell);
        }
    const auto intervals = intervals_of(numbers, cells, options, progress);
    if (!intervals) return spread;
    spread.low = like(map, map.unit, map.diverging), spread.high = spread.low;
    for (std::size_t i = 0; i < cells.size(); ++i)
        spread.low->values[flat[cells[i]]] = (*intervals)[i].low, spread.high->values[flat[cells[i]]] = (*intervals)[i].high;
    return spread;
}

std::string interval_text(const BootstrapOptions& options) {
    return "95 %, percentile bootstrap over pairs, " + std::to_string(options.resamples) + " resamples, seed " +
           std::to_string(options.seed);
}

std::vector<std::size_t> weak_pairs(const PairScale& scale) {
    const std::vector<double> gaps = gaps_of(scale);
    std::vector<std::size_t> weak;
    const double least = gaps.empty() ? 0 : weak_share * median(gaps);
    for (std::size_t i = 0; i < gaps.size(); ++i)
        if (gaps[i] < least || gaps[i] == 0) weak.push_back(i);
    return weak;
}

Table pair_table(const std::vector<PromptPair>& pairs, const PairScale& scale, const std::string& unit) {
    const std::vector<std::size_t> weak = weak_pairs(scale);
    Table table;
    table.columns = {{"pair", ""}, {"clean", unit}, {"corrupt", unit}, {"difference", unit}, {"flag", ""}};
    for (std::size_t i = 0; i < scale.clean.size(); ++i)
        table.rows.push_back({name_of(pairs, i), scale.clean[i], scale.corrupt[i], scale.clean[i] - scale.corrupt[i],
                              std::string(std::binary_search(weak.begin(), weak.end(), i) ? "hardly differs" : "")});
    return table;
}

void warn_of_weak_pairs(const std::vector<PromptPair>& pairs, const PairScale& scale, const Metric& metric,
                        std::vector<std::string>& warnings) {
    const auto total = [](const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); };
    if (metric.recovery || metric.name == "logit_diff") {
        const std::vector<std::size_t> weak = weak_pairs(scale);
        for (std::size_t i = 0; i < std::min(weak.size(), most_named); ++i)
            warnings.push_back("pair " + name_of(pairs, weak[i]) + ": clean and corrupted run hardly differ in the metric");
        if (weak.size() > most_named)
            warnings.push_back(std::to_string(weak.size() - most_named) + " more pairs whose runs hardly differ (view pairs)");
    }
    if (metric.recovery && total(scale.clean) == total(scale.corrupt))
        warnings.emplace_back("clean and corrupted runs have the same mean logit difference: recovery is not defined");
}

}  // namespace microtome
