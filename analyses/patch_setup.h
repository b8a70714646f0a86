// What every analysis of patches begins with: the pairs in tokens, and the cells of its map.
#pragma once

#include <string>
#include <vector>

#include "analyses/patch_cells.h"
#include "analyses/session_impl.h"

namespace microtome {

struct PatchTarget {
    std::string preset, site, axes, positions;
    int layer_window = 1, position_window = 1;
};

struct PatchSetup {
    PatchSweep sweep;  // pairs, places, cells, metric and direction
    PatchMap map;
    std::vector<PromptTokens> prompts;  // for interventions
};

/// `denoise`: clean values go into the corrupted run. An Error without pairs.
PatchSetup set_up_patching(const Session& session, const std::vector<PromptPair>& pairs, const Metric& metric, bool denoise,
                           const PatchTarget& target);

}  // namespace microtome
