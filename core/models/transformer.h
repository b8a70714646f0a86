// A decoder-only transformer: embedding, blocks, final norm, unembedding. The one implementation that runs, generates, patches and trains.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/models/paging.h"
#include "core/models/parts.h"

namespace microtome {

struct Transformer {
    ModelConfig config;
    Tensor W_E;    // (d_vocab, d_model)
    Tensor W_pos;  // (n_ctx, d_model); undefined without learned positions
    std::vector<Block> blocks;
    NormLayer ln_final;
    Linear unembed;                               // (d_model, d_vocab)
    std::shared_ptr<const PagedWeights> pages{};  // none: all weights stay in memory

    /// ids (batch, pos) int64 -> residual stream after the last block (batch, pos, d_model).
    Tensor residual(const Tensor& ids, const Tap& tap = {}, Context context = {}) const;
    /// Final norm and unembedding of (batch, pos, d_model) -> logits (batch, pos, d_vocab).
    Tensor logits(const Tensor& residual, const Tap& tap = {}) const;
    Tensor forward(const Tensor& ids, const Tap& tap = {}, Context context = {}) const { return logits(residual(ids, tap, context), tap); }

    /// Every weight once, with a stable name ("blocks.0.attn.q.weight"); tied weights appear once.
    std::vector<std::pair<std::string, Tensor*>> parameters();
    std::int64_t count_parameters() const;
    at::ScalarType dtype() const { return W_E.scalar_type(); }
    at::Device device() const { return W_E.device(); }
};

/// Layer `layer` of this composition without weights yet.
Block empty_block(const ModelConfig& config, int layer);
/// The transformer of `config` with its weights allocated: matrices and biases 0, norm weights 1.
Transformer make_transformer(const ModelConfig& config, at::ScalarType dtype = at::kFloat);

/// Which of the sites exist in a model of this composition.
bool has_site(const ModelConfig& config, Site site);
/// All sites of the model, in the order in which a forward pass reaches them.
std::vector<SiteRef> all_sites(const ModelConfig& config);

/// Rows of equal length as an int64 tensor (batch, pos) on the CPU.
Tensor ids_tensor(const std::vector<std::vector<std::int64_t>>& rows);

/// Casts and moves every weight (a copy only where something changes).
Transformer convert(Transformer model, at::ScalarType dtype, at::Device device);

}  // namespace microtome
