// What every analysis of patches begins with: the pairs in tokens, and the cells of its map.
#pragma once

#include <string>
#include <vector>

#include "analyses/fields.h"
#include "analyses/patch_cells.h"
#include "analyses/session_impl.h"

namespace microtome {

/// TransformerLens' names of maps.
inline constexpr auto patch_presets =
    one_of("resid_pre", "resid_mid", "attn_out", "mlp_out", "attn_head_out_by_pos", "attn_head_q_by_pos", "attn_head_k_by_pos",
           "attn_head_v_by_pos", "attn_head_pattern_by_pos", "attn_head_pattern_dest_src_pos", "attn_head_out_all_pos",
           "attn_head_q_all_pos", "attn_head_k_all_pos", "attn_head_v_all_pos", "attn_head_pattern_all_pos", "attn_head_all_pos_every",
           "attn_head_by_pos_every", "block_every");

inline constexpr const char* positions_by_help =
    "What a position axis counts: positions; roles (spans of the prompts, all of a role's tokens at once); auto: roles where the prompts' "
    "words or lengths differ and they have roles";
inline constexpr const char* resamples_help =
    "Resamples of the pairs for the 95 % intervals (percentile bootstrap, several pairs; 0: no intervals)";

struct PatchTarget {
    std::string preset, site, axes;
    PositionChoice positions;
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
