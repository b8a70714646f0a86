#include "analyses/head_weights.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "core/models/processing.h"

namespace microtome {
namespace {

// In double precision; decompositions don't end on anything but numbers.
Tensor wide(const Tensor& x) {
    if (!x.defined()) return x;
    Tensor y = x.to(at::kCPU, at::kDouble);
    if (!at::isfinite(y).all().item<bool>()) throw Error("weights", "finite numbers", "NaN or infinity");
    return y;
}

NormLayer wide(NormLayer norm) {
    norm.weight = wide(norm.weight);
    norm.bias = wide(norm.bias);
    return norm;
}

}  // namespace

HeadWeights::HeadWeights(const Transformer& model)
    : model_(model),
      center_writing_(refusal("center_writing", model.config).empty()),
      center_unembed_(refusal("center_unembed", model.config).empty()) {}

// The columns of one head, with the norm folded in.
Linear HeadWeights::reader(int layer, const Linear& part, int head) const {
    const Block& block = model_.blocks.at(static_cast<std::size_t>(layer));
    Linear own{wide(part.weight.narrow(1, std::int64_t{head} * block.attn.d_head, block.attn.d_head)), {}};
    fold_norm(wide(block.ln1), own);
    return own;
}

Tensor HeadWeights::centred_if_allowed(Tensor written) const {
    return center_writing_ ? written - written.mean(-1, true) : written;
}

FactoredMatrix HeadWeights::ov(int layer, int head) const {
    const Attention& attn = model_.blocks.at(static_cast<std::size_t>(layer)).attn;
    int shared = head / (attn.n_heads / attn.n_kv_heads);
    Tensor W_O = wide(attn.o.weight.narrow(0, std::int64_t{head} * attn.d_head, attn.d_head));
    return {reader(layer, attn.v, shared).weight, centred_if_allowed(W_O)};
}

FactoredMatrix HeadWeights::qk(int layer, int head) const {
    const Attention& attn = model_.blocks.at(static_cast<std::size_t>(layer)).attn;
    int shared = head / (attn.n_heads / attn.n_kv_heads);
    return {reader(layer, attn.q, head).weight, reader(layer, attn.k, shared).weight.t()};
}

Tensor HeadWeights::embedding(bool after_mlp0) const {
    c10::AutoGradMode without_gradients(false);
    Tensor x = wide(model_.W_E) * model_.config.embed_scale;
    const Block& first = model_.blocks.at(0);
    if (after_mlp0 && first.mlp.kind != MlpKind::none) {
        Tensor tokens = x.to(model_.device(), model_.dtype()).unsqueeze(0);
        x = x + wide(first.mlp_out(first.mlp.neurons(first.ln2(tokens), Tap()), Tap()).squeeze(0));
    }
    return centred_if_allowed(x);
}

Tensor HeadWeights::unembedding() const {
    Linear own{wide(model_.unembed.weight), {}};
    fold_norm(wide(model_.ln_final), own);
    return center_unembed_ ? own.weight - own.weight.mean(-1, true) : own.weight;
}

std::vector<std::string> HeadWeights::left_out() const {
    const ModelConfig& c = model_.config;
    std::vector<std::string> out{
        "the division by each norm's scale, which depends on the stream (circuits are bilinear in normed streams)"};
    if (c.positions == Positions::rotary) out.push_back("rotary positions: QK is that of a query and a key at the same position");
    if (c.positions == Positions::learned) out.push_back("position embeddings");
    if (c.qk_norm) out.push_back("norms of queries and keys");
    if (c.post_norms) out.push_back("the norm after attention");
    if (c.qkv_bias || c.o_bias || c.norm == Norm::layer) out.push_back("biases");
    return out;
}

std::vector<HeadName> parse_heads(const std::string& text, const ModelConfig& config, const std::string& subject) {
    std::vector<HeadName> heads;
    if (text.empty() || text == "all") {
        for (int l = 0; l < config.n_layers; ++l)
            for (int h = 0; h < config.n_heads; ++h) heads.push_back({l, h});
        return heads;
    }
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        std::istringstream word(part);
        char L = 0, dot = 0, H = 0;
        HeadName head{-1, -1};
        word >> L >> head.layer >> dot >> H >> head.head;
        bool read = L == 'L' && dot == '.' && H == 'H' && !word.fail() && word.peek() == std::istringstream::traits_type::eof();
        if (!read || head.layer < 0 || head.layer >= config.n_layers || head.head < 0 || head.head >= config.n_heads)
            throw Error(subject,
                        "heads from L0.H0 to L" + std::to_string(config.n_layers - 1) + ".H" + std::to_string(config.n_heads - 1) +
                            " with commas, or all",
                        "\"" + part + "\"");
        if (std::find(heads.begin(), heads.end(), head) == heads.end()) heads.push_back(head);
    }
    return heads;
}

std::string name_of(HeadName head) {
    return "L" + std::to_string(head.layer) + ".H" + std::to_string(head.head);
}

}  // namespace microtome
