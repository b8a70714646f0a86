#include "core/models/parts.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/base/error.h"

namespace microtome {
namespace {

// bfloat16 and float16 are summed in float32: norms and softmax in half precision drift or overflow.
Tensor widened(const Tensor& x) {
    return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
}

Tensor activate(const Tensor& x, Activation activation) {
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
    if (!watched && kind == Norm::layer) return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
    Tensor h = widened(x);
    if (kind == Norm::layer) h = h - h.mean(-1, true);
    Tensor scale = tap(scale_site, (h.pow(2).mean(-1, true) + eps).sqrt());
    Tensor y = tap(normalized_site, (h / scale).to(x.scalar_type()));
    if (weight.defined()) y = y * weight;
    return bias.defined() ? y + bias : y;
}

Tensor causal_mask(std::int64_t queries, std::int64_t keys, std::int64_t offset, const Tensor& like) {
    auto index = like.options().dtype(at::kLong).requires_grad(false);
    return at::arange(keys, index).unsqueeze(0) > (at::arange(queries, index) + offset).unsqueeze(1);
}

Tensor Attention::operator()(const AttentionInputs& in, const Tap& tap, Context& context, int layer) const {
    Tensor query = tap(Site::q, project(q, in.q, n_heads));
    Tensor key = tap(Site::k, project(k, in.k, n_kv_heads));
    Tensor value = tap(Site::v, project(v, in.v, n_kv_heads));
    if (rotary_dim > 0) {
        query = tap(Site::rot_q, rotate(query, context.offset));
        key = tap(Site::rot_k, rotate(key, context.offset));
    }
    if (context.cache) {
        auto& cache = *context.cache;
        auto l = static_cast<std::size_t>(layer);
        if (cache.k.size() <= l) cache.k.resize(l + 1), cache.v.resize(l + 1);
        key = cache.k[l] = cache.k[l].defined() ? at::cat({cache.k[l], key}, 1) : key;
        value = cache.v[l] = cache.v[l].defined() ? at::cat({cache.v[l], value}, 1) : value;
    }
    return write(tap(Site::z, mix(query, key, value, tap, context.offset)), tap);
}

// (batch, pos, d_model) or (batch, pos, head, d_model) -> (batch, pos, head, d_head)
Tensor Attention::project(const Linear& part, const Tensor& x, int heads) const {
    if (x.dim() == 3) return part(x).unflatten(-1, {heads, d_head});
    Tensor per_head = part.weight.unflatten(-1, {heads, d_head});  // (d_model, head, d_head)
    Tensor y = at::einsum("bphm,mhe->bphe", {x, per_head});
    return part.bias.defined() ? y + part.bias.view({heads, d_head}) : y;
}

// Rotary positions (Su et al. 2021) in the half-split form: dimension i is paired with i + rotary_dim/2.
Tensor Attention::rotate(const Tensor& x, std::int64_t offset) const {
    auto wide = x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).requires_grad(false);
    int half = rotary_dim / 2;
    Tensor frequency = at::pow(rotary_base, at::arange(0, half, wide) * (-2.0 / rotary_dim));
    Tensor angle = at::arange(offset, offset + x.size(1), wide).unsqueeze(1) * frequency;  // (pos, half)
    Tensor cos = angle.cos().unsqueeze(1), sin = angle.sin().unsqueeze(1);                 // (pos, 1, half)
    Tensor h = widened(x);
    Tensor a = h.narrow(-1, 0, half), b = h.narrow(-1, half, half);
    Tensor turned = at::cat({a * cos - b * sin, b * cos + a * sin}, -1);
    if (rotary_dim < d_head) turned = at::cat({turned, h.narrow(-1, rotary_dim, d_head - rotary_dim)}, -1);
    return turned.to(x.scalar_type());
}

// Softmax(q·k) v: fused, unless a site inside it is asked for. Returns (batch, pos, head, d_head).
Tensor Attention::mix(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tap& tap, std::int64_t offset) const {
    Tensor query = q_.transpose(1, 2), key = k_.transpose(1, 2), value = v_.transpose(1, 2);  // (b, h, p, e), (b, k, s, e)
    std::int64_t b = query.size(0), p = query.size(2), s = key.size(2), group = n_heads / n_kv_heads;
    if (!tap.wants(Site::attn_scores) && !tap.wants(Site::pattern)) {
        bool square = p == s && offset == 0;
        std::optional<Tensor> mask;
        if (!square && p > 1) mask = causal_mask(p, s, offset, query).logical_not();
        return at::scaled_dot_product_attention(query, key, value, mask, 0.0, square && p > 1, score_scale, group > 1).transpose(1, 2);
    }
    Tensor grouped = query.reshape({b, n_kv_heads, group, p, d_head});
    Tensor scores = at::matmul(grouped, key.unsqueeze(2).transpose(-1, -2)).mul(score_scale).view({b, n_heads, p, s});
    scores = scores.masked_fill(causal_mask(p, s, offset, query), -INFINITY);
    Tensor seen = tap(Site::attn_scores, scores);
    Tensor pattern = at::softmax(widened(seen), -1).to(query.scalar_type());
    // NOTE: a query that a patch left without any source attends to nothing; only then is a NaN of the softmax made 0.
    if (!seen.is_same(scores)) pattern = pattern.masked_fill((seen == -INFINITY).all(-1, true), 0);
    pattern = tap(Site::pattern, pattern);
    Tensor z = at::matmul(pattern.reshape({b, n_kv_heads, group, p, s}), value.unsqueeze(2));
    return z.view({b, n_heads, p, d_head}).transpose(1, 2);
}

Tensor Attention::write(const Tensor& z, const Tap& tap) const {
    if (!tap.wants(Site::result)) return o(z.flatten(2));
    Tensor per_head = o.weight.unflatten(0, {n_heads, d_head});  // (head, d_head, d_model)
    Tensor result = tap(Site::result, at::einsum("bphe,hem->bphm", {z, per_head}));
    Tensor sum = result.sum(2);
    return o.bias.defined() ? sum + o.bias : sum;
}

Tensor Mlp::operator()(const Tensor& x, const Tap& tap) const {
    Tensor post = activate(tap(Site::mlp_pre, in(x)), activation);
    if (kind == MlpKind::gated) post = post * tap(Site::mlp_pre_linear, linear(x));
    return out(tap(Site::mlp_post, post));
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

Tensor Block::operator()(Tensor x, const Tap& outer, Context& context, int layer) const {
    Tap tap = outer.at(layer);
    x = tap(Site::resid_pre, x);
    Tensor attn_out = tap(Site::attn_out, attn(read(x, tap), tap, context, layer));
    if (mlp.kind == MlpKind::none) return tap(Site::resid_post, x + attn_out);
    Tensor mid = parallel ? x : tap(Site::resid_mid, x + attn_out);
    Tensor mlp_out = tap(Site::mlp_out, mlp(ln2(tap(Site::mlp_in, mid), tap, Site::ln2_scale, Site::ln2_normalized), tap));
    return tap(Site::resid_post, parallel ? x + attn_out + mlp_out : mid + mlp_out);
}

}  // namespace microtome
