// Phi-1 to 2 (Gunasekar et al. 2023): attention and MLP side by side behind one norm, a part of each head rotated, biases everywhere.
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "phi");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "phi";
    c.n_layers = json_size(json, "num_hidden_layers");
    c.n_heads = json_size(json, "num_attention_heads");
    c.n_kv_heads = is_given(json, "num_key_value_heads") ? json_size(json, "num_key_value_heads") : c.n_heads;
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = json_size(json, "intermediate_size");
    c.n_ctx = json_size(json, "max_position_embeddings", 2048);
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "num_attention_heads");
    c.eps = json.number("layer_norm_eps", 1e-5);
    c.positions = Positions::rotary;
    RotaryKeys keys;
    keys.default_part = 0.5;
    c.rotary = read_rotary(json, c, keys);
    c.activation = parse_activation(json.string("hidden_act", "gelu_new"), json.pointer("hidden_act"));
    c.parallel = c.shared_norm = true;
    c.qk_norm = json.boolean("qk_layernorm", false);
    c.tied = json.boolean("tie_word_embeddings", false);
    c.qkv_bias = c.o_bias = c.mlp_bias = true;
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("model.final_layernorm.weight") ? "model." : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head, narrow = std::int64_t{c.n_kv_heads} * c.d_head;
    Transformer t;
    t.config = c;
    read.ends(t, root + "embed_tokens.weight", "lm_head.weight");
    t.unembed.bias = weights.take("lm_head.bias", {c.d_vocab});
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "layers." + std::to_string(l) + ".", attention = at + "self_attn.";
        Block b = empty_block(c, l);
        b.ln1 = b.ln2 = read.norm(at + "input_layernorm");
        b.attn.q = read.linear(attention + "q_proj", m, wide, true);
        b.attn.k = read.linear(attention + "k_proj", m, narrow, true);
        b.attn.v = read.linear(attention + "v_proj", m, narrow, true);
        b.attn.o = read.linear(attention + "dense", wide, m, true);
        if (c.qk_norm) {
            b.attn.q_norm = read.norm(attention + "q_layernorm", c.d_head);
            b.attn.k_norm = read.norm(attention + "k_layernorm", c.d_head);
        }
        b.mlp.in = read.linear(at + "mlp.fc1", m, f, true);
        b.mlp.out = read.linear(at + "mlp.fc2", f, m, true);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = read.norm(root + "final_layernorm");
    weights.finish({"*.rotary_emb.inv_freq", "lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_phi;
const Architecture architecture_phi{"phi", "Phi-1 to 2: parallel attention and MLP behind one norm, a part of each head rotated", matches,
                                    configure, load};

}  // namespace microtome
