// The maps that activation patching can make: which cells, in which axis order.
#pragma once

#include <string>
#include <vector>

#include "analyses/places.h"
#include "analyses/views/result.h"
#include "hooks/patching.h"

namespace microtome {

struct PresetLayout {
    std::vector<Axis> axes;
    std::vector<PatchSlice> cells;
    std::vector<std::size_t> flat;  // of each cell: its index in the row-major grid
    std::vector<std::vector<std::vector<std::int64_t>>> places;
    bool by_role = false;              // the position axis counts roles
    std::string note;                  // on the positions, for the user
    std::vector<std::size_t> padding;  // grid cells that exist only to fill a shape (k and v heads inside `every` presets): 0, not computed
};

/// A preset by TransformerLens' name ("resid_pre", "attn_head_out_all_pos", …); axis orders as its `patching` module has them.
PresetLayout lay_out(const std::string& preset, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                     const PositionChoice& positions);
/// One site over "layer", "layer,position", "layer,position,head", "layer,head", and for patterns "layer,head,position,source".
PresetLayout lay_out_site(const std::string& site, const std::string& axes, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                          const PositionChoice& positions);

}  // namespace microtome
