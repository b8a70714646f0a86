// Many suffixes of a few texts at once, their tokens behind each other as (1, tokens, d_model): everything in a block but attention acts on
// single tokens, so the blocks run them as they run any batch; attention reads what is here.
#pragma once

#include <cstdint>

#include "core/kernels/suffix_attention.h"
#include "core/models/parts.h"

namespace microtome {

struct PackedRows {
    SuffixRows rows;
    Tensor position;                // (tokens) int64: place of each token in its text
    Tensor query_position;          // (queries) int64: of the tokens that ask; the same as `position` where all do
    std::int64_t length = 0;        // of the texts: rotary positions may depend on it
    const KvCache* base = nullptr;  // keys and values of the base runs, (prompt, position, kv head, d_head), one entry a layer
};

/// An Error unless ids (batch, pos) are tokens of the model and fit its context, the first of them at position `offset`.
void check_ids(const ModelConfig& config, const Tensor& ids, std::int64_t offset);

/// x (1, tokens, in) W + b as the first rows of a tensor of `room` tokens; what the others hold is undefined.
Tensor linear_with_room(const Linear& linear, const Tensor& x, std::int64_t room);

/// Angles of single tokens out of those of a whole text.
RotaryAngles at_positions(const RotaryAngles& angles, const Tensor& positions);

/// Scores of packed queries over all positions of their texts (-inf where masked), then pattern and mixed values, with their sites: scores
/// and pattern are (1, head, queries, length). Returns (1, queries, head, d_head).
Tensor mix_watched(const Attention& attention, const Tensor& q, const Tensor& k, const Tensor& v, const Tap& tap, const PackedRows& packed,
                   const Tensor& base_k, const Tensor& base_v);

}  // namespace microtome
