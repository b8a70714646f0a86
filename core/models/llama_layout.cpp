#include "core/models/llama_layout.h"

#include "core/base/error.h"

namespace microtome {

ModelConfig read_llama_config(JsonReader& json, const char* architecture) {
    ModelConfig c;
    c.architecture = architecture;
    c.n_layers = json_size(json, "num_hidden_layers");
    if (c.n_layers > 1000) throw Error(json.pointer("num_hidden_layers"), "at most 1000 layers", std::to_string(c.n_layers));
    c.n_heads = json_size(json, "num_attention_heads");
    c.n_kv_heads = is_given(json, "num_key_value_heads") ? json_size(json, "num_key_value_heads") : c.n_heads;
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = json_size(json, "intermediate_size");
    c.n_ctx = json_size(json, "max_position_embeddings", 2048);
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "num_attention_heads");
    c.norm = Norm::rms;
    c.eps = json.number("rms_norm_eps", 1e-6);
    c.positions = Positions::rotary;
    c.mlp = MlpKind::gated;
    c.activation = parse_activation(json.string("hidden_act", "silu"), json.pointer("hidden_act"));
    c.tied = json.boolean("tie_word_embeddings", false);
    return c;
}

namespace {

void read_attention(const HfReader& read, Block& b, const std::string& at) {
    const ModelConfig& c = read.config;
    std::int64_t wide = std::int64_t{c.n_heads} * c.d_head, narrow = std::int64_t{c.n_kv_heads} * c.d_head;
    if (read.weights.has(at + "qkv_proj.weight")) {
        auto parts = read.fused(at + "qkv_proj", c.d_model, {wide, narrow, narrow}, c.qkv_bias);
        b.attn.q = parts[0], b.attn.k = parts[1], b.attn.v = parts[2];
    } else {
        b.attn.q = read.linear(at + "q_proj", c.d_model, wide, c.qkv_bias);
        b.attn.k = read.linear(at + "k_proj", c.d_model, narrow, c.qkv_bias);
        b.attn.v = read.linear(at + "v_proj", c.d_model, narrow, c.qkv_bias);
    }
    b.attn.o = read.linear(at + "o_proj", wide, c.d_model, c.o_bias);
    if (c.qk_norm) b.attn.q_norm = read.norm(at + "q_norm", c.d_head), b.attn.k_norm = read.norm(at + "k_norm", c.d_head);
}

void read_mlp(const HfReader& read, Block& b, const std::string& at) {
    const ModelConfig& c = read.config;
    if (read.weights.has(at + "gate_up_proj.weight")) {
        auto parts = read.fused(at + "gate_up_proj", c.d_model, {c.d_mlp, c.d_mlp}, c.mlp_bias);
        b.mlp.in = parts[0], b.mlp.linear = parts[1];
    } else {
        b.mlp.in = read.linear(at + "gate_proj", c.d_model, c.d_mlp, c.mlp_bias);
        b.mlp.linear = read.linear(at + "up_proj", c.d_model, c.d_mlp, c.mlp_bias);
    }
    b.mlp.out = read.linear(at + "down_proj", c.d_mlp, c.d_model, c.mlp_bias);
}

}  // namespace

Transformer load_llama_layout(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("model.norm.weight") ? "model." : "";
    Transformer t;
    t.config = c;
    read.ends(t, root + "embed_tokens.weight", "lm_head.weight");
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "layers." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = read.norm(at + "input_layernorm");
        read_attention(read, b, at + "self_attn.");
        // With post-norms, the name of the norm before the MLP stands for the one after attention.
        if (c.post_norms) b.ln1_post = read.norm(at + "post_attention_layernorm");
        b.ln2 = read.norm(at + (c.post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm"));
        read_mlp(read, b, at + "mlp.");
        if (c.post_norms) b.ln2_post = read.norm(at + "post_feedforward_layernorm");
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = read.norm(root + "norm");
    weights.finish({"*.rotary_emb.inv_freq", "unused.rotary_*", "lm_head.weight"});
    return t;
}

}  // namespace microtome
