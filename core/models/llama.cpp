// Llama (Touvron et al. 2023) in the Hugging Face layout: RMSNorm, rotary positions, gated MLP, grouped-query attention. nn.Linear weights
// are (out, in): their transposed views are used.
#include "core/base/error.h"
#include "core/models/architecture.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return config.is_object() && config.value("model_type", Json()) == "llama";
}

// The base of the rotary angles, in either of the two places where configs keep it. Scaled variants are refused by name.
double rotary_base(JsonReader& json) {
    double base = json.number("rope_theta", 10000);
    for (const char* key : {"rope_scaling", "rope_parameters"}) {
        if (!json.has(key) || json.at(key).is_null()) continue;
        JsonReader rope = json.object(key);
        std::string type = rope.string(rope.has("rope_type") ? "rope_type" : "type", "default");
        if (type != "default") throw Error(rope.pointer("rope_type"), "\"default\" (unscaled rotary positions)", "\"" + type + "\"");
        base = rope.number("rope_theta", base);
    }
    return base;
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "llama";
    c.n_layers = json_size(json, "num_hidden_layers");
    c.n_heads = json_size(json, "num_attention_heads");
    c.n_kv_heads = json.has("num_key_value_heads") ? json_size(json, "num_key_value_heads") : c.n_heads;
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = json_size(json, "intermediate_size");
    c.n_ctx = json_size(json, "max_position_embeddings", 2048);
    c.d_vocab = json_size(json, "vocab_size");
    bool own_head = json.has("head_dim") && !json.at("head_dim").is_null();
    if (!own_head && (c.n_heads == 0 || c.d_model % c.n_heads != 0))
        throw Error(json.pointer("num_attention_heads"), "a divisor of hidden_size " + std::to_string(c.d_model),
                    std::to_string(c.n_heads));
    c.d_head = own_head ? json_size(json, "head_dim") : c.d_model / c.n_heads;
    c.rotary_dim = c.d_head;
    c.rotary_base = rotary_base(json);
    c.norm = Norm::rms;
    c.eps = json.number("rms_norm_eps", 1e-6);
    c.positions = Positions::rotary;
    c.mlp = MlpKind::gated;
    c.activation = parse_activation(json.string("hidden_act", "silu"), json.pointer("hidden_act"));
    c.tied = json.boolean("tie_word_embeddings", false);
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    std::string root = weights.has("model.norm.weight") ? "model." : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head, narrow = std::int64_t{c.n_kv_heads} * c.d_head;
    auto norm = [&](const std::string& name) { return NormLayer{Norm::rms, c.eps, weights.take(name + ".weight", {m}), {}}; };
    auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
        return Linear{weights.take(name + ".weight", {out, in}).t(), weights.take_if(name + ".bias", {out})};
    };
    Transformer t;
    t.config = c;
    // A tied file keeps one name of the two.
    bool head_only = c.tied && !weights.has(root + "embed_tokens.weight");
    t.W_E = weights.take(head_only ? "lm_head.weight" : root + "embed_tokens.weight", {c.d_vocab, m});
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "layers." + std::to_string(l) + ".";
        Block b = empty_block(c);
        b.ln1 = norm(at + "input_layernorm");
        b.attn.q = linear(at + "self_attn.q_proj", m, wide);
        b.attn.k = linear(at + "self_attn.k_proj", m, narrow);
        b.attn.v = linear(at + "self_attn.v_proj", m, narrow);
        b.attn.o = linear(at + "self_attn.o_proj", wide, m);
        b.ln2 = norm(at + "post_attention_layernorm");
        b.mlp.in = linear(at + "mlp.gate_proj", m, f);
        b.mlp.linear = linear(at + "mlp.up_proj", m, f);
        b.mlp.out = linear(at + "mlp.down_proj", f, m);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = norm(root + "norm");
    t.unembed.weight = c.tied ? t.W_E.t() : weights.take("lm_head.weight", {c.d_vocab, m}).t();
    weights.finish({"*.rotary_emb.inv_freq", "lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_llama;
const Architecture architecture_llama{"llama", "Llama: RMSNorm, rotary positions, gated MLP, grouped queries", matches, configure, load};

}  // namespace microtome
