// GPT-2 (Radford et al. 2019) in the Hugging Face layout: LayerNorm, learned positions, plain MLP; Conv1D weights are (in, out) already.
#include "core/base/error.h"
#include "core/models/architecture.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return config.is_object() && config.value("model_type", Json()) == "gpt2";
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "gpt2";
    c.n_layers = json_size(json, "n_layer");
    c.n_heads = c.n_kv_heads = json_size(json, "n_head");
    c.d_model = json_size(json, "n_embd");
    c.n_ctx = json_size(json, "n_positions");
    c.d_vocab = json_size(json, "vocab_size");
    if (c.n_heads == 0 || c.d_model % c.n_heads != 0)
        throw Error(json.pointer("n_head"), "a divisor of n_embd " + std::to_string(c.d_model), std::to_string(c.n_heads));
    c.d_head = c.d_model / c.n_heads;
    c.d_mlp = json.has("n_inner") && !json.at("n_inner").is_null() ? json_size(json, "n_inner") : 4 * c.d_model;
    c.activation = parse_activation(json.string("activation_function", "gelu_new"), json.pointer("activation_function"));
    c.eps = json.number("layer_norm_epsilon", 1e-5);
    c.tied = json.boolean("tie_word_embeddings", true);
    if (!json.boolean("scale_attn_weights", true)) c.score_scale = 1;
    for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"})
        if (json.boolean(key, false)) throw Error(json.pointer(key), "false", "true");
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    std::string root = weights.has("transformer.wpe.weight") ? "transformer." : "";
    std::int64_t m = c.d_model, f = c.d_mlp;
    auto norm = [&](const std::string& name) {
        return NormLayer{Norm::layer, c.eps, weights.take(name + ".weight", {m}), weights.take(name + ".bias", {m})};
    };
    auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
        return Linear{weights.take(name + ".weight", {in, out}), weights.take(name + ".bias", {out})};
    };
    Transformer t;
    t.config = c;
    bool head_only = c.tied && !weights.has(root + "wte.weight");  // a tied file keeps one name of the two
    t.W_E = weights.take(head_only ? "lm_head.weight" : root + "wte.weight", {c.d_vocab, m});
    t.W_pos = weights.take(root + "wpe.weight", {c.n_ctx, m});
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "h." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = norm(at + "ln_1");
        Linear fused = linear(at + "attn.c_attn", m, 3 * m);
        Linear* parts[] = {&b.attn.q, &b.attn.k, &b.attn.v};
        for (int i = 0; i < 3; ++i) *parts[i] = {fused.weight.narrow(1, i * m, m), fused.bias.narrow(0, i * m, m)};
        b.attn.o = linear(at + "attn.c_proj", m, m);
        b.ln2 = norm(at + "ln_2");
        b.mlp.in = linear(at + "mlp.c_fc", m, f);
        b.mlp.out = linear(at + "mlp.c_proj", f, m);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = norm(root + "ln_f");
    t.unembed.weight = c.tied ? t.W_E.t() : weights.take("lm_head.weight", {c.d_vocab, m}).t();
    weights.finish({"*.attn.bias", "*.attn.masked_bias", "lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_gpt2;
const Architecture architecture_gpt2{"gpt2", "GPT-2: LayerNorm, learned positions, plain MLP", matches, configure, load};

}  // namespace microtome
