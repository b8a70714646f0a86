// The cells of a patching map: a preset's or several sites', widened to windows of layers and positions.
#pragma once

#include "analyses/presets.h"

namespace microtome {

struct PatchMap {
    PresetLayout layout;           // axes, and which grid cell each cell is
    std::vector<PatchCell> cells;  // slices that are replaced together
};

/// `sites` with commas: each cell replaces its slice of all of them. A window of n layers (positions) reaches from n/2 before the cell's to
/// (n - 1)/2 after it, within the model (the prompt), as causal tracing has it (Meng et al. 2022).
PatchMap patch_map(const std::string& preset, const std::string& sites, const std::string& axes, int layer_window, int position_window,
                   const ModelConfig& config, const std::vector<PairTokens>& pairs, const PositionChoice& positions);

}  // namespace microtome
