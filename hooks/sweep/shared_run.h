// Base and source of a group in one pass, what they begin with in common once.
#pragma once

#include <vector>

#include "hooks/sweep/patch_runs.h"

namespace microtome {

/// Can these sites be read off a pass over packed tokens? Those of the blocks can, but for scores and patterns; and the embeddings.
bool can_share(const std::vector<SiteRef>& sites);

/// Runs base and source of the group: keeps `sites` of both (`before` and `values`), `also` of the base run, and its keys and values. A
/// source prompt is a suffix of the base's, from the first token that differs on. Returns the streams after the last layer at `positions`
/// (pairs, n): (2, pairs, n, d_model), the base's first.
Tensor run_together(const Transformer& model, PatchGroup& group, const std::vector<SiteRef>& sites, const std::vector<SiteRef>& also,
                    const Tensor& positions);

}  // namespace microtome
