#include "core/models/transformer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/models/packed.h"

namespace microtome {
namespace {

using Named = std::vector<std::pair<std::string, Tensor*>>;

template <class Part>
void add(Named& out, const std::string& name, Part& part) {
    if (part.weight.defined()) out.emplace_back(name + ".weight", &part.weight);
    if (part.bias.defined()) out.emplace_back(name + ".bias", &part.bias);
}

struct Maker {
    at::TensorOptions options;
    bool biased;

    Linear linear(std::int64_t in, std::int64_t out) const {
        return {at::zeros({in, out}, options), biased ? at::zeros({out}, options) : Tensor()};
    }
    NormLayer norm(const ModelConfig& c, int width) const {
        NormLayer n{c.norm, c.eps, {}, {}, c.norm_offset};
        if (c.norm != Norm::none && c.norm_affine) n.weight = at::full({width}, 1 - c.norm_offset, options);
        if (c.norm == Norm::layer && c.norm_affine) n.bias = at::zeros({width}, options);
        return n;
    }
    Block block(const ModelConfig& c, int layer) const {
        Block b = empty_block(c, layer);
        std::int64_t wide = std::int64_t{c.n_heads} * c.d_head, narrow = std::int64_t{c.n_kv_heads} * c.d_head;
        b.ln1 = norm(c, c.d_model);
        if (c.post_norms) b.ln1_post = norm(c, c.d_model);
        if (c.qk_norm) b.attn.q_norm = norm(c, c.d_head), b.attn.k_norm = norm(c, c.d_head);
        b.attn.q = linear(c.d_model, wide);
        b.attn.k = linear(c.d_model, narrow);
        b.attn.v = linear(c.d_model, narrow);
        b.attn.o = linear(wide, c.d_model);
        if (c.mlp == MlpKind::none) return b;
        b.ln2 = c.shared_norm ? b.ln1 : norm(c, c.d_model);
        if (c.post_norms) b.ln2_post = norm(c, c.d_model);
        b.mlp.in = linear(c.d_model, c.d_mlp);
        if (c.mlp == MlpKind::gated) b.mlp.linear = linear(c.d_model, c.d_mlp);
        b.mlp.out = linear(c.d_mlp, c.d_model);
        return b;
    }
};

}  // namespace

void check_ids(const ModelConfig& config, const Tensor& ids, std::int64_t offset) {
    if (ids.dim() != 2 || ids.numel() == 0) throw Error("token ids", "at least one token, (batch, position)", shape_text(ids.sizes()));
    auto [low, high] = at::aminmax(ids);
    std::int64_t least = low.item<std::int64_t>(), most = high.item<std::int64_t>();
    if (least < 0 || most >= config.d_vocab)
        throw Error("token ids", "ids from 0 to " + std::to_string(config.d_vocab - 1), std::to_string(least < 0 ? least : most));
    if (config.positions == Positions::learned && offset + ids.size(1) > config.n_ctx)
        throw Error("prompt length", "at most " + std::to_string(config.n_ctx) + " tokens (the model's context)",
                    std::to_string(offset + ids.size(1)));
    // What was cached stays turned as it was: a longer text that turns it otherwise has to be read anew.
    if (config.positions == Positions::rotary && offset > 0 && angles_differ(config.rotary, offset, offset + ids.size(1)))
        throw Error("cached tokens", "at most " + std::to_string(config.rotary.original_n_ctx) + " tokens before these positions stretch",
                    std::to_string(offset + ids.size(1)));
}

Tensor Transformer::residual(const Tensor& ids, const Tap& tap, Context context) const {
    check_ids(config, ids, context.offset);
    std::int64_t b = ids.size(0), p = ids.size(1);
    Tensor x = at::embedding(W_E, ids.to(W_E.device()));
    // The factor is rounded to the weights' type first, as where these models were trained.
    if (config.embed_scale != 1) x = x * at::scalar_tensor(config.embed_scale, x.options().requires_grad(false));
    x = tap(Site::embed, x);
    if (W_pos.defined()) x = x + tap(Site::pos_embed, W_pos.narrow(0, context.offset, p).unsqueeze(0).expand({b, p, config.d_model}));
    for (std::size_t l = 0; l < blocks.size(); ++l) {
        x = blocks[l](x, tap, context, static_cast<int>(l));
        if (pages) pages->leave(l);
    }
    return x;
}

Tensor Transformer::logits(const Tensor& residual, const Tap& tap) const {
    Tensor x = tap(Site::unembed_in, ln_final(residual, tap, Site::ln_final_scale, Site::ln_final_normalized));
    x = tap(Site::unembed_out, unembed(x));
    if (pages) pages->leave_ends();
    return config.logit_cap > 0 ? at::tanh(x / config.logit_cap) * config.logit_cap : x;
}

Named Transformer::parameters() {
    Named out{{"embed.weight", &W_E}};
    if (W_pos.defined()) out.emplace_back("pos_embed.weight", &W_pos);
    for (std::size_t l = 0; l < blocks.size(); ++l) {
        std::string at = "blocks." + std::to_string(l) + ".";
        Block& b = blocks[l];
        add(out, at + "ln1", b.ln1);
        add(out, at + "attn.q", b.attn.q);
        add(out, at + "attn.k", b.attn.k);
        add(out, at + "attn.v", b.attn.v);
        add(out, at + "attn.q_norm", b.attn.q_norm);
        add(out, at + "attn.k_norm", b.attn.k_norm);
        add(out, at + "attn.o", b.attn.o);
        add(out, at + "ln1_post", b.ln1_post);
        if (!config.shared_norm) add(out, at + "ln2", b.ln2);
        add(out, at + "mlp.in", b.mlp.in);
        add(out, at + "mlp.linear", b.mlp.linear);
        if (b.mlp.post_bias.defined()) out.emplace_back(at + "mlp.post_bias", &b.mlp.post_bias);
        add(out, at + "mlp.out", b.mlp.out);
        add(out, at + "ln2_post", b.ln2_post);
    }
    add(out, "ln_final", ln_final);
    if (!config.tied) out.emplace_back("unembed.weight", &unembed.weight);
    if (unembed.bias.defined()) out.emplace_back("unembed.bias", &unembed.bias);
    return out;
}

std::int64_t Transformer::count_parameters() const {
    std::int64_t n = 0;
    Transformer handles = *this;
    for (auto& [name, tensor] : handles.parameters()) n += tensor->numel();
    return n;
}

Block empty_block(const ModelConfig& c, int layer) {
    Block b;
    b.parallel = c.parallel;
    b.attn.n_heads = c.n_heads;
    b.attn.n_kv_heads = c.n_kv_heads;
    b.attn.d_head = c.d_head;
    b.attn.score_scale = c.score_scale > 0 ? c.score_scale : 1.0 / std::sqrt(c.d_head);
    b.attn.score_cap = c.score_cap;
    b.attn.window = c.window(layer);
    if (c.positions == Positions::rotary) b.attn.rotary = b.attn.window > 0 && c.rotary_windowed.dim > 0 ? c.rotary_windowed : c.rotary;
    b.mlp.kind = c.mlp;
    b.mlp.activation = c.activation;
    return b;
}

Transformer make_transformer(const ModelConfig& c, at::ScalarType dtype) {
    Maker make{at::TensorOptions().dtype(dtype), c.norm != Norm::rms};
    Transformer t;
    t.config = c;
    t.W_E = at::zeros({c.d_vocab, c.d_model}, make.options);
    if (c.positions == Positions::learned) t.W_pos = at::zeros({c.n_ctx, c.d_model}, make.options);
    for (int l = 0; l < c.n_layers; ++l) t.blocks.push_back(make.block(c, l));
    if (c.final_norm) t.ln_final = make.norm(c, c.d_model);
    t.unembed.weight = c.tied ? t.W_E.t() : at::zeros({c.d_model, c.d_vocab}, make.options);
    return t;
}

bool has_site(const ModelConfig& c, Site site) {
    bool mlp = c.mlp != MlpKind::none, norm = c.norm != Norm::none;
    switch (site) {
        case Site::pos_embed:
            return c.positions == Positions::learned;
        case Site::rot_q:
        case Site::rot_k:
            return c.positions == Positions::rotary;
        case Site::q_norm_scale:
        case Site::q_norm_normalized:
        case Site::k_norm_scale:
        case Site::k_norm_normalized:
            return c.qk_norm;
        case Site::ln1_post_scale:
        case Site::ln1_post_normalized:
            return c.post_norms;
        case Site::ln2_post_scale:
        case Site::ln2_post_normalized:
            return c.post_norms && mlp;
        case Site::attn_in:
            return c.n_kv_heads == c.n_heads;
        case Site::ln1_scale:
        case Site::ln1_normalized:
            return norm;
        case Site::resid_mid:
            return mlp && !c.parallel;
        case Site::ln2_scale:
        case Site::ln2_normalized:
            return mlp && norm;
        case Site::mlp_in:
        case Site::mlp_pre:
        case Site::mlp_post:
        case Site::mlp_out:
            return mlp;
        case Site::mlp_pre_linear:
            return c.mlp == MlpKind::gated;
        case Site::ln_final_scale:
        case Site::ln_final_normalized:
            return norm && c.final_norm;
        default:
            return true;
    }
}

std::vector<SiteRef> all_sites(const ModelConfig& config) {
    std::vector<SiteRef> out;
    auto range = [&](Site first, Site last, int layer) {
        for (int s = static_cast<int>(first); s <= static_cast<int>(last); ++s)
            if (has_site(config, static_cast<Site>(s))) out.push_back({static_cast<Site>(s), layer});
    };
    range(Site::embed, Site::pos_embed, -1);
    for (int l = 0; l < config.n_layers; ++l) range(Site::resid_pre, Site::resid_post, l);
    range(Site::ln_final_scale, Site::unembed_out, -1);
    return out;
}

Tensor ids_tensor(const std::vector<std::vector<std::int64_t>>& rows) {
    std::int64_t length = rows.empty() ? 0 : static_cast<std::int64_t>(rows[0].size());
    Tensor out = at::empty({static_cast<std::int64_t>(rows.size()), length}, at::kLong);
    auto* data = out.mutable_data_ptr<std::int64_t>();
    for (const auto& row : rows) {
        if (static_cast<std::int64_t>(row.size()) != length)
            throw Error("token ids", "rows of equal length " + std::to_string(length), std::to_string(row.size()));
        data = std::copy(row.begin(), row.end(), data);
    }
    return out;
}

Transformer convert(Transformer model, at::ScalarType dtype, at::Device device) {
    for (auto& [name, tensor] : model.parameters()) *tensor = tensor->to(device, dtype);
    if (model.config.tied) model.unembed.weight = model.W_E.t();
    if (model.config.shared_norm)
        for (Block& block : model.blocks) block.ln2 = block.ln1;
    return model;
}

}  // namespace microtome
