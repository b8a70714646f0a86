// Sweeps cut into parts that several processes compute by turns (core/base/ranks.h); alone, a process computes them all, by the same code.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/base/ranks.h"
#include "hooks/patching.h"

namespace microtome {

struct CellValue {
    CellValue() = default;
    CellValue(std::size_t cell_, std::size_t pair_, double value_)
        : cell(static_cast<std::uint32_t>(cell_)), pair(static_cast<std::uint32_t>(pair_)), value(value_) {}
    std::uint32_t cell = 0, pair = 0;  // a large sweep has many
    double value = 0;
};

/// What a part of a sweep gave.
struct PartValues {
    std::int64_t rows = 0;  // prompts that went through the model, or a part of it
    std::vector<CellValue> values;
    void add(std::size_t cell, const std::vector<double>& pairs) {
        for (std::size_t pair = 0; pair < pairs.size(); ++pair) values.push_back({cell, pair, pairs[pair]});
    }
};

/// Computes parts 0 … parts − 1. `work`: one part (none: it was stopped). `take`: its values, in the order of the parts, where they come
/// together: in this process alone, or at rank 0. False if it was stopped before all were there.
bool share_parts(Ranks* ranks, std::size_t parts, const Progress& progress,
                 const std::function<std::optional<PartValues>(std::size_t)>& work, const std::function<void(const PartValues&)>& take);

/// All cells of an outcome whose base is known, `step` at a time. `work`: those from `first` to before `last` (none: it was stopped).
/// `tell`, if any: which ones have come. If it isn't stopped, everyone has the whole outcome afterwards.
void share_cells(Ranks* ranks, PatchOutcome& outcome, std::size_t step, std::string_view unit, Progress& progress,
                 const std::function<std::optional<PartValues>(std::size_t first, std::size_t last)>& work,
                 const std::function<void(const PatchOutcome&, std::size_t first, std::size_t last)>& tell);

/// Rank 0's finished outcome becomes everyone's.
void share_outcome(Ranks* ranks, PatchOutcome& outcome);
/// Numbers [i][j], likewise.
void share_numbers(Ranks* ranks, std::vector<std::vector<double>>& numbers);

}  // namespace microtome
