#include "core/models/transformer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace microtome {
namespace {

using Named = std::vector<std::pair<std::string, Tensor*>>;

void check_ids(const ModelConfig& config, const Tensor& ids, std::int64_t offset) {
    if (ids.dim() != 2 || ids.numel() == 0) throw Error("token ids", "at least one token, (batch, position)", shape_text(ids.sizes()));
    auto [low, high] = at::aminmax(ids);
    std::int64_t least = low.item<std::int64_t>(), most = high.item<std::int64_t>();
    if (least < 0 || most >= config.d_vocab)
        throw Error("token ids", "ids from 0 to " + std::to_string(config.d_vocab - 1), std::to_string(least < 0 ? least : most));
    if (config.positions == Positions::learned && offset + ids.size(1) > config.n_ctx)
        throw Error("prompt length", "at most " + std::to_string(config.n_ctx) + " tokens (the model's context)",
                    std::to_string(offset + ids.size(1)));
}

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
    NormLayer norm(const ModelConfig& c) const {
        NormLayer n{c.norm, c.eps, {}, {}};
        if (c.norm != Norm::none) n.weight = at::ones({c.d_model}, options);
        if (c.norm == Norm::layer) n.bias = at::zeros({c.d_model}, options);
        return n;
    }
    Block block(const ModelConfig& c) const {
        Block b = empty_block(c);
        std::int64_t wide = std::int64_t{c.n_heads} * c.d_head, narrow = std::int64_t{c.n_kv_heads} * c.d_head;
        b.ln1 = norm(c);
        b.attn.q = linear(c.d_model, wide);
        b.attn.k = linear(c.d_model, narrow);
        b.attn.v = linear(c.d_model, narrow);
        b.attn.o = linear(wide, c.d_model);
        if (c.mlp == MlpKind::none) return b;
        b.ln2 = norm(c);
        b.mlp.in = linear(c.d_model, c.d_mlp);
        if (c.mlp == MlpKind::gated) b.mlp.linear = linear(c.d_model, c.d_mlp);
        b.mlp.out = linear(c.d_mlp, c.d_model);
        return b;
    }
};

}  // namespace

Tensor Transformer::residual(const Tensor& ids, const Tap& tap, Context context) const {
    check_ids(config, ids, context.offset);
    std::int64_t b = ids.size(0), p = ids.size(1);
    Tensor x = tap(Site::embed, at::embedding(W_E, ids.to(W_E.device())));
    if (W_pos.defined()) x = x + tap(Site::pos_embed, W_pos.narrow(0, context.offset, p).unsqueeze(0).expand({b, p, config.d_model}));
    for (std::size_t l = 0; l < blocks.size(); ++l) x = blocks[l](x, tap, context, static_cast<int>(l));
    return x;
}

Tensor Transformer::logits(const Tensor& residual, const Tap& tap) const {
    Tensor x = tap(Site::unembed_in, ln_final(residual, tap, Site::ln_final_scale, Site::ln_final_normalized));
    return tap(Site::unembed_out, unembed(x));
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
        add(out, at + "attn.o", b.attn.o);
        add(out, at + "ln2", b.ln2);
        add(out, at + "mlp.in", b.mlp.in);
        add(out, at + "mlp.linear", b.mlp.linear);
        add(out, at + "mlp.out", b.mlp.out);
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

Block empty_block(const ModelConfig& c) {
    Block b;
    b.parallel = c.parallel;
    b.attn.n_heads = c.n_heads;
    b.attn.n_kv_heads = c.n_kv_heads;
    b.attn.d_head = c.d_head;
    b.attn.score_scale = c.score_scale > 0 ? c.score_scale : 1.0 / std::sqrt(c.d_head);
    b.attn.rotary_dim = c.positions == Positions::rotary ? c.rotary_dim : 0;
    b.attn.rotary_base = c.rotary_base;
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
    for (int l = 0; l < c.n_layers; ++l) t.blocks.push_back(make.block(c));
    if (c.final_norm) t.ln_final = make.norm(c);
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
    return model;
}

}  // namespace microtome
