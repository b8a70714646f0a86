// GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): attention and MLP side by side, a part of each head rotated; q, k and v
// are stored as one, head by head.
#include <ATen/ATen.h>

#include "core/models/hf_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "gpt_neox");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "gpt_neox";
    c.n_layers = json_size(json, "num_hidden_layers");
    c.n_heads = c.n_kv_heads = json_size(json, "num_attention_heads");
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = json_size(json, "intermediate_size");
    c.n_ctx = json_size(json, "max_position_embeddings");
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "num_attention_heads");
    c.eps = json.number("layer_norm_eps", 1e-5);
    c.positions = Positions::rotary;
    RotaryKeys keys;
    keys.base = "rotary_emb_base";
    keys.part = "rotary_pct";
    keys.default_part = 0.25;
    c.rotary = read_rotary(json, c, keys);
    c.activation = parse_activation(json.string("hidden_act", "gelu"), json.pointer("hidden_act"));
    c.parallel = json.boolean("use_parallel_residual", true);
    c.tied = json.boolean("tie_word_embeddings", false);
    c.qkv_bias = c.o_bias = json.boolean("attention_bias", true);
    c.mlp_bias = true;
    check(c, subject);
    return c;
}

// Rows (head, part, d_head): each part's own, gathered once, for their strides don't form a matrix.
void split_heads(const HfReader& read, Attention& attn, const std::string& name) {
    const ModelConfig& c = read.config;
    std::int64_t wide = std::int64_t{c.n_heads} * c.d_head;
    Linear whole = read.linear(name, c.d_model, 3 * wide, c.qkv_bias);
    Tensor weight = whole.weight.unflatten(1, {c.n_heads, 3, c.d_head});
    Linear* parts[] = {&attn.q, &attn.k, &attn.v};
    for (int i = 0; i < 3; ++i) {
        // (out, in) in memory, as the others
        parts[i]->weight = read.weights.settle(weight.select(2, i).permute({1, 2, 0}).reshape({wide, c.d_model}).t());
        if (c.qkv_bias) parts[i]->bias = whole.bias.unflatten(0, {c.n_heads, 3, c.d_head}).select(1, i).reshape({wide});
    }
    read.weights.release(name + ".weight");
}

Transformer load(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("gpt_neox.final_layer_norm.weight") ? "gpt_neox." : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head;
    Transformer t;
    t.config = c;
    read.ends(t, root + "embed_in.weight", "embed_out.weight");
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "layers." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = read.norm(at + "input_layernorm");
        split_heads(read, b.attn, at + "attention.query_key_value");
        b.attn.o = read.linear(at + "attention.dense", wide, m, c.o_bias);
        b.ln2 = read.norm(at + "post_attention_layernorm");
        b.mlp.in = read.linear(at + "mlp.dense_h_to_4h", m, f, true);
        b.mlp.out = read.linear(at + "mlp.dense_4h_to_h", f, m, true);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = read.norm(root + "final_layer_norm");
    weights.finish({"*.attention.bias", "*.attention.masked_bias", "*.rotary_emb.inv_freq", "embed_out.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_gpt_neox;
const Architecture architecture_gpt_neox{"gpt_neox", "GPT-NeoX, Pythia: parallel attention and MLP, a part of each head rotated", matches,
                                         configure, load};

}  // namespace microtome
