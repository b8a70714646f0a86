// OPT (Zhang et al. 2022): GPT-2's composition with ReLU; the table of positions begins with two rows that no token reads.
#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

constexpr int unread_positions = 2;

bool matches(const Json& config) {
    return has_model_type(config, "opt");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "opt";
    c.n_layers = json_size(json, "num_hidden_layers");
    c.n_heads = c.n_kv_heads = json_size(json, "num_attention_heads");
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = json_size(json, "ffn_dim");
    c.n_ctx = json_size(json, "max_position_embeddings");
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "num_attention_heads");
    c.activation = parse_activation(json.string("activation_function", "relu"), json.pointer("activation_function"));
    c.tied = json.boolean("tie_word_embeddings", true);
    c.qkv_bias = c.o_bias = c.mlp_bias = json.boolean("enable_bias", true);
    c.final_norm = !json.boolean("_remove_final_layer_norm", false);
    require(json, "do_layer_norm_before", true, true);  // opt-350m: norms behind the sums
    c.norm_affine = json.boolean("layer_norm_elementwise_affine", true);
    if (is_given(json, "word_embed_proj_dim") && json_size(json, "word_embed_proj_dim") != c.d_model)
        throw Error(json.pointer("word_embed_proj_dim"),
                    "hidden_size " + std::to_string(c.d_model) + " (embeddings that are not projected)",
                    json.at("word_embed_proj_dim").dump());
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("model.decoder.embed_positions.weight") ? "model.decoder."
                       : weights.has("decoder.embed_positions.weight")     ? "decoder."
                                                                           : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head;
    Transformer t;
    t.config = c;
    read.ends(t, root + "embed_tokens.weight", "lm_head.weight");
    t.W_pos = weights.take(root + "embed_positions.weight", {c.n_ctx + unread_positions, m}).narrow(0, unread_positions, c.n_ctx);
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "layers." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = read.norm(at + "self_attn_layer_norm");
        b.attn.q = read.linear(at + "self_attn.q_proj", m, wide, c.qkv_bias);
        b.attn.k = read.linear(at + "self_attn.k_proj", m, wide, c.qkv_bias);
        b.attn.v = read.linear(at + "self_attn.v_proj", m, wide, c.qkv_bias);
        b.attn.o = read.linear(at + "self_attn.out_proj", wide, m, c.o_bias);
        b.ln2 = read.norm(at + "final_layer_norm");
        b.mlp.in = read.linear(at + "fc1", m, f, c.mlp_bias);
        b.mlp.out = read.linear(at + "fc2", f, m, c.mlp_bias);
        t.blocks.push_back(std::move(b));
    }
    if (c.final_norm) t.ln_final = read.norm(root + "final_layer_norm");
    weights.finish({"lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_opt;
const Architecture architecture_opt{"opt", "OPT: as GPT-2, with ReLU (not opt-350m)", matches, configure, load};

}  // namespace microtome
