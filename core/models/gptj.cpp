// GPT-J (Wang & Komatsuzaki 2021): attention and MLP side by side behind one norm; neighbouring dimensions of a part of each head rotated.
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "gptj");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "gptj";
    c.n_layers = json_size(json, "n_layer");
    c.n_heads = c.n_kv_heads = json_size(json, "n_head");
    c.d_model = json_size(json, "n_embd");
    c.d_mlp = is_given(json, "n_inner") ? json_size(json, "n_inner") : 4 * c.d_model;
    c.n_ctx = json_size(json, "n_positions");
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "n_head");
    c.eps = json.number("layer_norm_epsilon", 1e-5);
    c.positions = Positions::rotary;
    c.rotary.dim = json_size(json, "rotary_dim");
    c.rotary.interleaved = true;
    c.activation = parse_activation(json.string("activation_function", "gelu_new"), json.pointer("activation_function"));
    c.parallel = c.shared_norm = true;
    c.tied = json.boolean("tie_word_embeddings", false);
    c.mlp_bias = true;
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("transformer.ln_f.weight") ? "transformer." : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head;
    Transformer t;
    t.config = c;
    read.ends(t, root + "wte.weight", "lm_head.weight");
    t.unembed.bias = weights.take("lm_head.bias", {c.d_vocab});
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "h." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = b.ln2 = read.norm(at + "ln_1");
        b.attn.q = read.linear(at + "attn.q_proj", m, wide, false);
        b.attn.k = read.linear(at + "attn.k_proj", m, wide, false);
        b.attn.v = read.linear(at + "attn.v_proj", m, wide, false);
        b.attn.o = read.linear(at + "attn.out_proj", wide, m, false);
        b.mlp.in = read.linear(at + "mlp.fc_in", m, f, true);
        b.mlp.out = read.linear(at + "mlp.fc_out", f, m, true);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = read.norm(root + "ln_f");
    weights.finish({"*.attn.bias", "*.attn.masked_bias", "lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_gptj;
const Architecture architecture_gptj{"gptj", "GPT-J: parallel attention and MLP behind one norm, neighbouring dimensions rotated", matches,
                                     configure, load};

}  // namespace microtome
