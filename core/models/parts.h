// The parts that transformers are composed of. Weights multiply from the right: (in, out), whatever the file's layout (views, not copies).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/config.h"
#include "core/models/rotary.h"
#include "core/tap.h"
#include "core/tensor.h"

namespace microtome {

/// x W + b; weight (in, out), any strides; bias (out) or undefined.
struct Linear {
    Tensor weight, bias;
    Tensor operator()(const Tensor& x) const;
};

/// LayerNorm (Ba et al. 2016; eps inside the root, biased variance) or RMSNorm (Zhang & Sennrich 2019); `none` is the identity.
struct NormLayer {
    Norm kind = Norm::none;
    double eps = 1e-5;
    Tensor weight, bias;  // (width); undefined: 1 and 0
    double offset = 0;    // the factor is offset + weight
    Tensor operator()(const Tensor& x, const Tap& tap, Site scale, Site normalized) const;
    /// Without sites, any leading axes.
    Tensor operator()(const Tensor& x) const;
};

/// Keys and values of the tokens read so far, one entry a layer: (batch, position, kv head, d_head).
struct KvCache {
    std::vector<Tensor> k, v;
    std::int64_t length() const { return k.empty() || !k[0].defined() ? 0 : k[0].size(1); }
};

struct PackedRows;  // core/models/packed.h

/// What a call of the model knows beside the tokens.
struct Context {
    std::int64_t offset = 0;             // position of the first token given
    KvCache* cache = nullptr;            // earlier tokens' keys and values; grows
    const PackedRows* packed = nullptr;  // the tokens are suffixes of several texts

    std::deque<RotaryAngles> made = {};  // one or two kinds; references stay valid

    /// Angles of `positions` tokens from `offset` on, made once a call for all layers that share them.
    const RotaryAngles& angles(const Rotary& rotary, std::int64_t positions, const Tensor& like);
};

/// The normed stream as queries, keys and values read it: (batch, pos, d_model), or (batch, pos, head, d_model) where heads read different
/// streams.
struct AttentionInputs {
    Tensor q, k, v;
};

struct Attention {
    int n_heads = 0, n_kv_heads = 0, d_head = 0;
    int window = 0;  // a query reads the last `window` tokens, its own included; 0: all before it
    double score_scale = 1;
    double score_cap = 0;      // c tanh(score / c); 0: not
    Rotary rotary;             // dim 0: no rotary positions
    NormLayer q_norm, k_norm;  // over d_head, before the rotation
    Linear q, k, v, o;

    /// (batch, pos, head, d_head)
    struct Heads {
        Tensor q, k, v;
    };

    Heads project(const AttentionInputs& in) const;
    /// The sites of q, k and v; norms and rotary positions.
    Heads turn(const Heads& raw, const Tap& tap, Context& context) const;
    /// Softmax(q·k) v over what the context holds and these: (batch, pos, head, d_head).
    Tensor mix(Heads heads, const Tap& tap, Context& context, int layer) const;
    /// What the heads write, (batch, pos, d_model).
    Tensor write(const Tensor& z, const Tap& tap) const;

    /// Softmax of scores (batch, head, query, source) in at least float32; `made` is what the scores were before a tap saw them.
    Tensor pattern_of(const Tensor& seen, const Tensor& made) const;
    /// q (b, h, p, e), k (b, kv, s, e) -> scaled and capped (Gemma Team 2024), not yet masked (b, h, p, s).
    Tensor raw_scores(const Tensor& q, const Tensor& k) const;

  private:
    Tensor project(const Linear& part, const Tensor& x, int heads) const;
    Tensor mix(const Tensor& q, const Tensor& k, const Tensor& v, const Tap& tap, std::int64_t offset) const;
    Tensor fused(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t offset) const;
};

struct Mlp {
    MlpKind kind = MlpKind::none;
    Activation activation = Activation::gelu_tanh;
    Linear in, linear, out;  // gated: `in` is the gate, `linear` the other branch
    Tensor post_bias;        // gated, (d_mlp): added to the product; undefined: 0
    /// Up to the sites of the neurons, (batch, pos, d_mlp).
    Tensor neurons(const Tensor& x, const Tap& tap) const;
    Tensor write(const Tensor& neurons, const Tap& tap) const;
};

struct Block {
    NormLayer ln1, ln2;            // of what attention and MLP read
    NormLayer ln1_post, ln2_post;  // of what they write
    Attention attn;
    Mlp mlp;
    bool parallel = false;

    /// The stream between attention and MLP: what is added to, and what the MLP reads (the stream before attention in parallel blocks).
    struct Middle {
        Tensor sum, read;
    };

    Tensor operator()(Tensor x, const Tap& tap, Context& context, int layer) const;
    // Its steps, with a tap of this layer: each begins where a row of a sweep can join. `attn.project`, `turn` and `mix` come after `read`.
    AttentionInputs read(const Tensor& x, const Tap& tap) const;
    Tensor attention_out(const Tensor& z, const Tap& tap) const;
    Middle middle(const Tensor& x, const Tensor& attn_out, const Tap& tap) const;
    Tensor neurons(const Tensor& read, const Tap& tap) const;
    Tensor mlp_out(const Tensor& neurons, const Tap& tap) const;
    /// The stream after the layer; `mlp_out` undefined where there is no MLP.
    Tensor leave(const Tensor& sum, const Tensor& mlp_out, const Tap& tap) const;
};

/// Causal mask of `queries` tokens starting at `offset` over `keys` sources: true where hidden, (queries, keys). With a window, sources
/// that far back or farther are hidden too.
Tensor causal_mask(std::int64_t queries, std::int64_t keys, std::int64_t offset, int window, const Tensor& like);

}  // namespace microtome
