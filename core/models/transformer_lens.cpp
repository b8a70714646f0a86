// Tensors under TransformerLens' names and its config: attention-only and norm-less toys, and whatever was trained there.
// W_Q [head, d_model, d_head] and the like are regrouped to (in, out) once: these models are small.
#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/models/architecture.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return config.is_object() &&
           (config.value("format", Json()) == "transformer_lens" || config.value("model_type", Json()) == "transformer_lens");
}

bool null_or(JsonReader& json, const char* key) {
    return json.has(key) && !json.at(key).is_null();
}

Norm read_norm(JsonReader& json) {
    if (!null_or(json, "normalization_type")) return Norm::none;
    std::string name = json.string("normalization_type");
    if (name == "LN") return Norm::layer;
    if (name == "RMS") return Norm::rms;
    throw Error(json.pointer("normalization_type"), "null, \"LN\" or \"RMS\"", "\"" + name + "\"");
}

Positions read_positions(JsonReader& json) {
    if (json.has("positional_embedding_type") && json.at("positional_embedding_type").is_null()) return Positions::none;
    std::string name = json.string("positional_embedding_type", "standard");
    if (name == "standard") return Positions::learned;
    if (name == "none") return Positions::none;
    if (name == "rotary") return Positions::rotary;
    throw Error(json.pointer("positional_embedding_type"), "\"standard\", \"rotary\", \"none\" or null", "\"" + name + "\"");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "transformer_lens";
    c.n_layers = json_size(json, "n_layers");
    c.n_heads = json_size(json, "n_heads");
    c.n_kv_heads = null_or(json, "n_key_value_heads") ? json_size(json, "n_key_value_heads") : c.n_heads;
    c.d_model = json_size(json, "d_model");
    c.d_head = json_size(json, "d_head");
    c.n_ctx = json_size(json, "n_ctx");
    c.d_vocab = json_size(json, "d_vocab");
    c.norm = read_norm(json);
    c.final_norm = json.boolean("final_norm", true) && c.norm != Norm::none;
    c.eps = json.number("eps", 1e-5);
    c.positions = read_positions(json);
    if (c.positions == Positions::rotary) c.rotary_dim = null_or(json, "rotary_dim") ? json_size(json, "rotary_dim") : c.d_head;
    c.rotary_base = json.number("rotary_base", 10000);
    c.parallel = json.boolean("parallel_attn_mlp", false);
    if (json.has("attn_scale") && json.at("attn_scale").is_number() && json.number("attn_scale") > 0)
        c.score_scale = 1 / json.number("attn_scale");
    if (!json.boolean("use_attn_scale", true)) c.score_scale = 1;
    c.mlp = json.boolean("attn_only", false) ? MlpKind::none : json.boolean("gated_mlp", false) ? MlpKind::gated : MlpKind::plain;
    if (c.mlp != MlpKind::none) {
        c.d_mlp = null_or(json, "d_mlp") ? json_size(json, "d_mlp") : 4 * c.d_model;
        c.activation = parse_activation(json.string("act_fn"), json.pointer("act_fn"));
    }
    check(c, subject);
    return c;
}

struct Reader {
    const ModelConfig& c;
    Weights& weights;

    NormLayer norm(const std::string& name) const {
        if (c.norm == Norm::none) return {};
        return {c.norm, c.eps, weights.take(name + ".w", {c.d_model}), weights.take_if(name + ".b", {c.d_model})};
    }
    // W [head, d_model, d_head] -> (d_model, head·d_head)
    Linear heads(const std::string& at, const std::string& part, int n) const {
        std::string underscore = weights.has(at + "_W_" + part) ? "_" : "";
        Tensor w = weights.take(at + underscore + "W_" + part, {n, c.d_model, c.d_head});
        Tensor b = weights.take_if(at + underscore + "b_" + part, {n, c.d_head});
        return {w.permute({1, 0, 2}).reshape({c.d_model, std::int64_t{n} * c.d_head}), b.defined() ? b.reshape({-1}) : b};
    }
    Block block(int l) const {
        std::string at = "blocks." + std::to_string(l) + ".";
        Block b = empty_block(c);
        b.ln1 = norm(at + "ln1");
        b.attn.q = heads(at + "attn.", "Q", c.n_heads);
        b.attn.k = heads(at + "attn.", "K", c.n_kv_heads);
        b.attn.v = heads(at + "attn.", "V", c.n_kv_heads);
        b.attn.o = {weights.take(at + "attn.W_O", {c.n_heads, c.d_head, c.d_model}).flatten(0, 1),
                    weights.take_if(at + "attn.b_O", {c.d_model})};
        if (c.mlp == MlpKind::none) return b;
        b.ln2 = norm(at + "ln2");
        // Gated: TransformerLens calls the gate W_gate, and adds b_in after the product; a b_in there is refused below.
        bool gated = c.mlp == MlpKind::gated;
        b.mlp.in = {weights.take(at + (gated ? "mlp.W_gate" : "mlp.W_in"), {c.d_model, c.d_mlp}),
                    gated ? Tensor() : weights.take_if(at + "mlp.b_in", {c.d_mlp})};
        if (gated) b.mlp.linear = {weights.take(at + "mlp.W_in", {c.d_model, c.d_mlp}), {}};
        b.mlp.out = {weights.take(at + "mlp.W_out", {c.d_mlp, c.d_model}), weights.take_if(at + "mlp.b_out", {c.d_model})};
        return b;
    }
};

Transformer load(const ModelConfig& c, Weights& weights) {
    Reader read{c, weights};
    Transformer t;
    t.config = c;
    t.W_E = weights.take("embed.W_E", {c.d_vocab, c.d_model});
    if (c.positions == Positions::learned) t.W_pos = weights.take("pos_embed.W_pos", {c.n_ctx, c.d_model});
    for (int l = 0; l < c.n_layers; ++l) t.blocks.push_back(read.block(l));
    if (c.final_norm) t.ln_final = read.norm("ln_final");
    t.unembed = {weights.take("unembed.W_U", {c.d_model, c.d_vocab}), weights.take_if("unembed.b_U", {c.d_vocab})};
    weights.finish({"*.attn.mask", "*.attn.IGNORE", "*.attn.rotary_sin", "*.attn.rotary_cos"});
    return t;
}

}  // namespace

extern const Architecture architecture_transformer_lens;
const Architecture architecture_transformer_lens{"transformer_lens", "TransformerLens' names: attention-only and norm-less toys too",
                                                 matches, configure, load};

}  // namespace microtome
