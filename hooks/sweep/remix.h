// Rows that enter a layer with patched scores or patterns: the base run's values mixed anew.
#pragma once

#include "hooks/sweep/wavefront.h"

namespace microtome {

/// Of the rows from `first_row` on, replaces in z (1, queries, head, d_head) what their slices of attn_scores and pattern in this layer
/// change: softmax of the patched scores, or the patched pattern, times the base run's values.
void remix(const SweepBase& base, const std::vector<SweepRow>& rows, const TokenList& queries, std::size_t first_row, int layer, Tensor& z);

}  // namespace microtome
