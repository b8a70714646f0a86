// The circuits of a head (Elhage et al. 2021) on folded weights, whatever the run mode: norm weights go into the maps that read the normed
// stream, and what a LayerNorm takes out anyway (the stream's mean) is gone from what is written. All in double precision, one head at a
// time.
#pragma once

#include <string>
#include <vector>

#include "core/factored.h"
#include "core/models/transformer.h"

namespace microtome {

class HeadWeights {
  public:
    explicit HeadWeights(const Transformer& model);

    /// x W_OV = x W_V W_O: what the head writes of a source's (normed) stream x. (d_model, d_model), a row vector from the left.
    FactoredMatrix ov(int layer, int head) const;
    /// x W_QK yᵀ: the score of a query's stream x with a key's y, before rotary positions and the scale 1/sqrt(d_head).
    FactoredMatrix qk(int layer, int head) const;
    /// The token embedding (d_vocab, d_model). `after_mlp0`: with what the first layer's MLP adds to it, without attention (the embedding
    /// as later heads meet it where the first MLP works on single tokens).
    Tensor embedding(bool after_mlp0) const;
    /// Logits of a stream that was normed: (d_model, d_vocab), centred over the vocabulary unless a soft cap follows.
    Tensor unembedding() const;

    int layers() const { return model_.config.n_layers; }
    int heads() const { return model_.config.n_heads; }
    /// What these matrices leave out of this model: biases, rotary positions, norms of queries and keys, norms after the head.
    std::vector<std::string> left_out() const;

  private:
    Linear reader(int layer, const Linear& part, int head) const;
    Tensor centred_if_allowed(Tensor written) const;

    const Transformer& model_;
    bool center_writing_, center_unembed_;
};

/// "L2.H1"; a list of them with commas, in order, each once. "" and "all": all heads. An Error for one that the model has not.
struct HeadName {
    int layer = 0, head = 0;
    bool operator==(const HeadName&) const = default;
};
std::vector<HeadName> parse_heads(const std::string& text, const ModelConfig& config, const std::string& subject);
std::string name_of(HeadName head);

}  // namespace microtome
