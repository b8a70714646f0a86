#include "core/models/parts.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/kernels/gated_activation.h"
#include "core/models/packed.h"

namespace microtome {
namespace {

// bfloat16 and float16 are summed in float32: norms and softmax in half precision drift or overflow.
Tensor widened(const Tensor& x) {
    return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
}

std::optional<GateForm> gate_of(Activation activation) {
    if (activation == Activation::silu) return silu_form;
    if (activation == Activation::gelu_tanh) return gelu_tanh_form;
    return {};
}

// `bias`: added before; undefined: none.
Tensor activate(Tensor x, Activation activation, const Tensor& bias = {}) {
    // Nobody else sees it: its memory is used again.
    bool ours = x.use_count() == 1 && x.storage().use_count() == 1 && x.is_non_overlapping_and_dense();
    const auto gate = gate_of(activation);
    if (gate && can_gate(x)) {
        Tensor y = ours ? std::move(x) : x.clone(at::MemoryFormat::Contiguous);
        gate_(y, bias, *gate);
        return y;
    }
    if (bias.defined()) x = x + bias;
    if (ours && !x.requires_grad()) {
        if (activation == Activation::relu) return at::relu_(x);
        if (activation == Activation::silu) return at::silu_(x);
        return at::gelu_(x, activation == Activation::gelu ? "none" : "tanh");
    }
    switch (activation) {
        case Activation::relu:
            return at::relu(x);
        case Activation::gelu:
            return at::gelu(x, "none");
        case Activation::gelu_tanh:
            return at::gelu(x, "tanh");
        case Activation::silu:
            return at::silu(x);
    }
    return x;
}

}  // namespace

Tensor Linear::operator()(const Tensor& x) const {
    Tensor rows = x.reshape({-1, x.size(-1)});
    Tensor y = bias.defined() ? at::addmm(bias, rows, weight) : at::mm(rows, weight);
    auto shape = x.sizes().vec();
    shape.back() = weight.size(1);
    return y.view(shape);
}

Tensor NormLayer::operator()(const Tensor& x) const {
    return (*this)(x, Tap(), Site::ln1_scale, Site::ln1_normalized);
}

Tensor NormLayer::operator()(const Tensor& x, const Tap& tap, Site scale_site, Site normalized_site) const {
    if (kind == Norm::none) return x;
    bool watched = tap.wants(scale_site) || tap.wants(normalized_site);
    if (!watched && kind == Norm::layer && offset == 0) return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
    Tensor h = widened(x);
    if (kind == Norm::layer) h = h - h.mean(-1, true);
    Tensor scale = tap(scale_site, (h.pow(2).mean(-1, true) + eps).sqrt());
    Tensor y = tap(normalized_site, (h / scale).to(x.scalar_type()));
    if (weight.defined()) y = y * (offset != 0 ? weight + offset : weight);
    return bias.defined() ? y + bias : y;
}

const RotaryAngles& Context::angles(const Rotary& rotary, std::int64_t positions, const Tensor& like) {
    for (const RotaryAngles& known : made)
        if (known.positions == positions && known.rotary == rotary) return known;
    return made.emplace_back(rotary_angles(rotary, offset, positions, like));
}

Tensor causal_mask(std::int64_t queries, std::int64_t keys, std::int64_t offset, int window, const Tensor& like) {
    auto index = like.options().dtype(at::kLong).requires_grad(false);
    Tensor ahead = at::arange(keys, index).unsqueeze(0) - (at::arange(queries, index) + offset).unsqueeze(1);
    return window > 0 ? (ahead > 0).logical_or(ahead <= -window) : ahead > 0;
}

Attention::Heads Attention::project(const AttentionInputs& in) const {
    return {project(q, in.q, n_heads), project(k, in.k, n_kv_heads), project(v, in.v, n_kv_heads)};
}

Attention::Heads Attention::turn(const Heads& raw, const Tap& tap, Context& context) const {
    Tensor query = tap(Site::q, raw.q), key = tap(Site::k, raw.k), value = tap(Site::v, raw.v);
    query = q_norm(query, tap, Site::q_norm_scale, Site::q_norm_normalized);
    key = k_norm(key, tap, Site::k_norm_scale, Site::k_norm_normalized);
    if (rotary.dim == 0) return {query, key, value};
    if (!context.packed) {
        const RotaryAngles& angles = context.angles(rotary, query.size(1), query);
        return {tap(Site::rot_q, rotate(query, angles)), tap(Site::rot_k, rotate(key, angles)), value};
    }
    const RotaryAngles& angles = context.angles(rotary, context.packed->length, query);
    return {tap(Site::rot_q, rotate(query, at_positions(angles, context.packed->query_position))),
            tap(Site::rot_k, rotate(key, at_positions(angles, context.packed->position))), value};
}

Tensor Attention::mix(Heads heads, const Tap& tap, Context& context, int layer) const {
    auto l = static_cast<std::size_t>(layer);
    if (context.packed) {
        const PackedRows& packed = *context.packed;
        const Tensor &base_k = packed.base->k[l], &base_v = packed.base->v[l];
        if (tap.wants(Site::attn_scores) || tap.wants(Site::pattern))
            return mix_watched(*this, heads.q, heads.k, heads.v, tap, packed, base_k, base_v);
        return suffix_attention(heads.q[0], heads.k[0], heads.v[0], base_k, base_v, packed.rows, {score_scale, score_cap, window})
            .unsqueeze(0);
    }
    if (context.cache) {
        auto& cache = *context.cache;
        if (cache.k.size() <= l) cache.k.resize(l + 1), cache.v.resize(l + 1);
        heads.k = cache.k[l] = cache.k[l].defined() ? at::cat({cache.k[l], heads.k}, 1) : heads.k;
        heads.v = cache.v[l] = cache.v[l].defined() ? at::cat({cache.v[l], heads.v}, 1) : heads.v;
    }
    return mix(heads.q, heads.k, heads.v, tap, context.offset);
}

// (batch, pos, d_model) or (batch, pos, head, d_model) -> (batch, pos, head, d_head)
Tensor Attention::project(const Linear& part, const Tensor& x, int heads) const {
    if (x.dim() == 3) return part(x).unflatten(-1, {heads, d_head});
    Tensor per_head = part.weight.unflatten(-1, {heads, d_head});  // (d_model, head, d_head)
    Tensor y = at::einsum("bphm,mhe->bphe", {x, per_head});
    return part.bias.defined() ? y + part.bias.view({heads, d_head}) : y;
}

// Softmax(q·k) v: fused, unless a site inside it is asked for or scores are capped. Returns (batch, pos, head, d_head).
Tensor Attention::mix(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tap& tap, std::int64_t offset) const {
    Tensor query = q_.transpose(1, 2), key = k_.transpose(1, 2), value = v_.transpose(1, 2);  // (b, h, p, e), (b, k, s, e)
    bool watched = tap.wants(Site::attn_scores) || tap.wants(Site::pattern);
    if (!watched && score_cap == 0) return fused(query, key, value, offset);
    std::int64_t b = query.size(0), p = query.size(2), s = key.size(2), group = n_heads / n_kv_heads;
    Tensor made = raw_scores(query, key).masked_fill(causal_mask(p, s, offset, window, query), -INFINITY);
    Tensor pattern = tap(Site::pattern, pattern_of(tap(Site::attn_scores, made), made));
    Tensor z = at::matmul(pattern.reshape({b, n_kv_heads, group, p, s}), value.unsqueeze(2));
    return z.view({b, n_heads, p, d_head}).transpose(1, 2);
}

Tensor Attention::fused(const Tensor& query, const Tensor& key, const Tensor& value, std::int64_t offset) const {
    std::int64_t p = query.size(2), s = key.size(2);
    bool far = window > 0 && s > window, square = p == s && offset == 0 && !far;
    std::optional<Tensor> mask;
    if (far || (!square && p > 1)) mask = causal_mask(p, s, offset, window, query).logical_not();
    return at::scaled_dot_product_attention(query, key, value, mask, 0.0, square && p > 1, score_scale, n_heads > n_kv_heads)
        .transpose(1, 2);
}

Tensor Attention::pattern_of(const Tensor& seen, const Tensor& made) const {
    Tensor pattern = at::softmax(widened(seen), -1).to(seen.scalar_type());
    // NOTE: a query that a patch left without any source attends to nothing; only then is a NaN of the softmax made 0.
    return seen.is_same(made) ? pattern : pattern.masked_fill((seen == -INFINITY).all(-1, true), 0);
}

Tensor Attention::raw_scores(const Tensor& query, const Tensor& key) const {
    std::int64_t b = query.size(0), p = query.size(2), s = key.size(2);
    Tensor grouped = query.reshape({b, n_kv_heads, n_heads / n_kv_heads, p, d_head});
    Tensor x = at::matmul(grouped, key.unsqueeze(2).transpose(-1, -2)).mul(score_scale).view({b, n_heads, p, s});
    return score_cap > 0 ? at::tanh(x / score_cap) * score_cap : x;
}

Tensor Attention::write(const Tensor& z, const Tap& tap) const {
    if (!tap.wants(Site::result)) return o(z.flatten(2));
    Tensor per_head = o.weight.unflatten(0, {n_heads, d_head});  // (head, d_head, d_model)
    Tensor result = tap(Site::result, at::einsum("bphe,hem->bphm", {z, per_head}));
    Tensor sum = result.sum(2);
    return o.bias.defined() ? sum + o.bias : sum;
}

Tensor Mlp::neurons(const Tensor& x, const Tap& tap) const {
    const bool apart = in.bias.defined() && gate_of(activation) && !tap.wants(Site::mlp_pre) && can_gate(x);
    Tensor post = apart ? activate(Linear{in.weight, {}}(x), activation, in.bias) : activate(tap(Site::mlp_pre, in(x)), activation);
    if (kind == MlpKind::gated) post = post * tap(Site::mlp_pre_linear, linear(x));
    if (post_bias.defined()) post = post + post_bias;
    return post;
}

Tensor Mlp::write(const Tensor& neurons, const Tap& tap) const {
    return out(tap(Site::mlp_post, neurons));
}

AttentionInputs Block::read(const Tensor& x, const Tap& tap) const {
    Tensor normed = ln1(x, tap, Site::ln1_scale, Site::ln1_normalized);
    AttentionInputs in{normed, normed, normed};
    bool split = tap.wants(Site::attn_in) || tap.wants(Site::q_input) || tap.wants(Site::k_input) || tap.wants(Site::v_input);
    if (!split) return in;
    if (tap.wants(Site::attn_in) && attn.n_kv_heads != attn.n_heads)
        throw Error("hook_attn_in", "as many key/value heads as heads (take hook_q_input, hook_k_input or hook_v_input)",
                    std::to_string(attn.n_kv_heads) + " for " + std::to_string(attn.n_heads));
    auto copies = [&](int heads) { return x.unsqueeze(2).expand({x.size(0), x.size(1), heads, x.size(2)}); };
    Tensor original = copies(attn.n_heads), shared = tap(Site::attn_in, original);
    bool replaced = !shared.is_same(original);
    // NOTE: the norm's sites stay those of the unsplit stream; a head whose stream was replaced is normed on its own, without sites.
    auto branch = [&](Site site, int heads, Tensor& slot) {
        Tensor before = heads == attn.n_heads ? shared : copies(heads);
        Tensor after = tap(site, before);
        if (replaced || !after.is_same(before)) slot = ln1(after);
    };
    branch(Site::q_input, attn.n_heads, in.q);
    branch(Site::k_input, attn.n_kv_heads, in.k);
    branch(Site::v_input, attn.n_kv_heads, in.v);
    return in;
}

Tensor Block::attention_out(const Tensor& z, const Tap& tap) const {
    return ln1_post(attn.write(tap(Site::z, z), tap), tap, Site::ln1_post_scale, Site::ln1_post_normalized);
}

Block::Middle Block::middle(const Tensor& x, const Tensor& attn_out, const Tap& tap) const {
    Tensor sum = x + tap(Site::attn_out, attn_out);
    if (parallel) return {sum, x};
    if (mlp.kind != MlpKind::none) sum = tap(Site::resid_mid, sum);
    return {sum, sum};
}

Tensor Block::neurons(const Tensor& read, const Tap& tap) const {
    return mlp.neurons(ln2(tap(Site::mlp_in, read), tap, Site::ln2_scale, Site::ln2_normalized), tap);
}

Tensor Block::mlp_out(const Tensor& neurons, const Tap& tap) const {
    return ln2_post(mlp.write(neurons, tap), tap, Site::ln2_post_scale, Site::ln2_post_normalized);
}

Tensor Block::leave(const Tensor& sum, const Tensor& mlp_out, const Tap& tap) const {
    return tap(Site::resid_post, mlp.kind == MlpKind::none ? sum : sum + tap(Site::mlp_out, mlp_out));
}

Tensor Block::operator()(Tensor x, const Tap& outer, Context& context, int layer) const {
    Tap tap = outer.at(layer);
    x = tap(Site::resid_pre, x);
    Attention::Heads heads = attn.turn(attn.project(read(x, tap)), tap, context);
    Middle mid = middle(x, attention_out(attn.mix(std::move(heads), tap, context, layer), tap), tap);
    return leave(mid.sum, mlp.kind == MlpKind::none ? Tensor() : mlp_out(neurons(mid.read, tap), tap), tap);
}

}  // namespace microtome
