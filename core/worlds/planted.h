// A model whose circuit is known because its weights are written from a formula: a previous-token head and an induction head, nothing else.
//
// Tokens: <bos>, <unk>, then letters. d_model = 3 V + N: token one-hot (A) | position one-hot (B) | previous token (C) | prediction (D).
// No norm, no MLP, integer weights; scores differ by ≥ 1024, so that softmax is exactly one-hot in float32 and float64.
//   L0.H0  query p: B_p → e_p;  key s: B_s → e_{s+1};  value: A_t → C_t (t not <bos>)          attends to s = p − 1 (p = 0: to itself)
//   L1.H0  score(p, s) = 64 [C_s = A_p] + 32 [s = 0] + s, in units of 1024; value: A_t → D_t     attends to the token after the last
//          earlier occurrence of this one, and where there is none to <bos>, whose value is nothing
//   L0.H1, L1.H1  zero.   Unembedding: D_t → 10 · logit_t.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace microtome {

struct PlantedModel {
    static constexpr int letters = 14, vocabulary = letters + 2, context = 16, heads = 2, layers = 2, d_head = 64,
                         d_model = 3 * vocabulary + context;
    static constexpr float gap = 1024, logit = 10;
};

/// Words of the vocabulary: "<bos>", "<unk>", "a", "b", …
std::vector<std::string> planted_vocabulary();
/// config.json, model.safetensors (TransformerLens' names), the tokenizer and prompts/induction.jsonl.
void write_planted(const std::filesystem::path& folder);

}  // namespace microtome
