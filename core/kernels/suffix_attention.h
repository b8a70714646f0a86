// Attention of many suffixes over shared beginnings: z = Σ_s softmax_s(scale · q·k_s) v_s, where a query at position t of its row reads the
// base run's tokens before the row's start and the row's own tokens up to t.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace microtome {

/// Rows of packed tokens, each a suffix of one prompt's text from `start` on, over the shared keys and values of that prompt's base run.
struct SuffixRows {
    Tensor start;           // (rows) int32: position of a row's first token = how much of the shared prefix it reads
    Tensor first;           // (rows + 1) int32: row r owns packed tokens [first[r], first[r+1])
    Tensor prompt;          // (rows) int32: which prefix
    Tensor query_first;     // (rows + 1) int32: row r owns packed queries [query_first[r], query_first[r+1])
    Tensor query_position;  // (queries) int32: position in the text of each query (start ≤ it < start + tokens of the row)
};

struct AttentionRule {
    double scale = 1;
    double cap = 0;  // cap · tanh(score / cap); 0: not
    int window = 0;  // as causal_mask in core/models/parts.h
};

/// q (queries, heads, d_head); k, v (tokens, kv heads, d_head); prefix_k, prefix_v (prompts, positions, kv heads, d_head)
/// -> z (queries, heads, d_head). Runs the fastest of the variants below that takes these tensors.
Tensor suffix_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                        const SuffixRows& rows, const AttentionRule& rule);

/// The specification: the formula in plain loops, sums in float64. On the CPU, for floating types of any kind.
Tensor suffix_attention_reference(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                                  const SuffixRows& rows, const AttentionRule& rule);

/// Torch's own operations: any device, with gradients.
Tensor suffix_attention_torch(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                              const SuffixRows& rows, const AttentionRule& rule);

struct SuffixLanes;

/// Vectorised, for tensors on the CPU, without gradients: float32 and float64, halves through float32. The bits of a query depend on its
/// own row and on `lanes` alone: not on threads, nor on the other rows. No prefix is copied.
Tensor suffix_attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                            const SuffixRows& rows, const AttentionRule& rule, const SuffixLanes& lanes);
/// The instruction sets that this processor has, the fastest first; at least one.
const std::vector<const SuffixLanes*>& suffix_lanes();

}  // namespace microtome
