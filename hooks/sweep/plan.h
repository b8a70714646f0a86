// What a wavefront sweep has to compute: which cells of which pairs, where each enters the model, and which go through it together.
#pragma once

#include <cstdint>
#include <vector>

#include "hooks/sweep/patch_runs.h"

namespace microtome {

/// Where a row can enter a layer: the earlier steps are those of the base run.
enum class Stage { pre, qkv, mixed, attended, neurons, written };
/// The latest one from which the site is still reached.
Stage stage_of(Site site);

/// One cell of one pair: a suffix of the pair's tokens. `layer` may be n_layers: only final norm and unembedding are run.
struct SweepRow {
    std::size_t cell = 0, pair = 0;  // pair: index into the group's
    int layer = 0;
    Stage stage = Stage::pre;
    std::int64_t start = 0;     // the first position that is not the base run's
    bool after_source = false;  // what stands before `start` is the source run's, not the base's
    bool twin = false;          // a copy, so that no matrix product has a single row; its result is left out
};

/// The layer in whose attention all of the row's tokens take part. Before it only those go along that a slice has changed.
int first_mix(const SweepRow& row);
/// Those tokens: positions from `start` on where a slice before that attention puts something in, ascending.
std::vector<std::int64_t> early_positions(const PatchSweep& sweep, const PatchGroup& group, const SweepRow& row);

/// Rows that go through the model together, in the order in which they enter.
using SweepChunk = std::vector<SweepRow>;

/// Positions at which the metric reads each pair of the group, ascending.
using MetricPositions = std::vector<std::vector<std::int64_t>>;

/// Rows that can reach a position that the metric reads, by layer and stage, cut into chunks of at most `batch_tokens` packed tokens: a
/// function of prompts and parameters. `rows[cell]` grows by the number of rows of each cell.
std::vector<SweepChunk> plan_sweep(const ModelConfig& config, const PatchSweep& sweep, const PatchGroup& group, const MetricPositions& read,
                                   std::vector<std::size_t>& rows);

/// Sites of the base run that rows enter with.
std::vector<SiteRef> entry_sites(const ModelConfig& config, const PatchSweep& sweep);

}  // namespace microtome
