// Tensors under TransformerLens' names and its config: attention-only and norm-less toys, and whatever was trained there.
// W_Q [head, d_model, d_head] and the like are regrouped to (in, out) once: these models are small.
#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

// Marked as such, or the library's own config: no model_type, but its names of the sizes.
bool matches(const Json& config) {
    if (!config.is_object()) return false;
    if (config.value("format", Json()) == "transformer_lens" || config.value("model_type", Json()) == "transformer_lens") return true;
    return !config.contains("model_type") && config.contains("d_model") && config.contains("d_head") && config.contains("n_ctx");
}

void read_norm(JsonReader& json, ModelConfig& c) {
    c.norm = Norm::none;
    std::string name = is_given(json, "normalization_type") ? json.string("normalization_type") : "";
    if (name == "LN" || name == "LNPre") c.norm = Norm::layer;
    if (name == "RMS" || name == "RMSPre") c.norm = Norm::rms;
    if (!name.empty() && c.norm == Norm::none)
        throw Error(json.pointer("normalization_type"), "null, \"LN\", \"LNPre\", \"RMS\" or \"RMSPre\"", "\"" + name + "\"");
    c.norm_affine = !name.ends_with("Pre");  // folded into the weights behind them
    c.final_norm = json.boolean("final_norm", true) && c.norm != Norm::none;
    c.eps = json.number("eps", 1e-5);
    if (c.norm != Norm::rms) require(json, "final_rms", false, false);
    c.post_norms = json.boolean("use_normalization_before_and_after", false);
    c.qk_norm = json.boolean("use_qk_norm", false);
    if (c.qk_norm && c.norm != Norm::rms) throw Error(json.pointer("use_qk_norm"), "false without \"RMS\"", "true");
}

void read_positions(JsonReader& json, ModelConfig& c) {
    bool null = json.has("positional_embedding_type") && json.at("positional_embedding_type").is_null();
    std::string name = null ? "none" : json.string("positional_embedding_type", "standard");
    if (name != "standard" && name != "none" && name != "rotary")
        throw Error(json.pointer("positional_embedding_type"), "\"standard\", \"rotary\", \"none\" or null", "\"" + name + "\"");
    c.positions = name == "standard" ? Positions::learned : name == "rotary" ? Positions::rotary : Positions::none;
    if (c.positions != Positions::rotary) return;
    c.rotary.dim = is_given(json, "rotary_dim") ? json_size(json, "rotary_dim") : c.d_head;
    c.rotary.base = json.number("rotary_base", 10000);
    c.rotary.interleaved = json.boolean("rotary_adjacent_pairs", false);
    c.rotary_windowed = c.rotary;
    if (is_given(json, "rotary_base_local")) c.rotary_windowed.base = json.number("rotary_base_local");
}

void read_attention(JsonReader& json, ModelConfig& c) {
    // A remark in its place means the usual scale.
    if (json.has("attn_scale") && json.at("attn_scale").is_number() && json.number("attn_scale") > 0)
        c.score_scale = 1 / json.number("attn_scale");
    if (!json.boolean("use_attn_scale", true)) c.score_scale = 1;
    c.score_cap = std::max(json.number("attn_scores_soft_cap", 0), 0.0);  // -1: none
    c.logit_cap = std::max(json.number("output_logits_soft_cap", 0), 0.0);
    if (!json.boolean("use_local_attn", false)) return;
    int window = json_size(json, "window_size");
    const Json& types = json.at("attn_types");
    for (const Json& type : types.is_array() ? types : Json::array()) {
        if (type != "local" && type != "global") throw Error(json.pointer("attn_types"), "\"local\" or \"global\"", type.dump());
        c.windows.push_back(type == "local" ? window : 0);
    }
    if (c.windows.empty()) throw Error(json.pointer("attn_types"), "a list of one kind a layer", types.dump());
}

// What this program would have to compute otherwise.
void refuse_others(JsonReader& json, const ModelConfig& c) {
    for (const char* key : {"scale_attn_by_inverse_layer_idx", "use_logn_attn", "use_dynamic_ntk_rope", "use_NTK_by_parts_rope",
                            "use_yarn_rope", "post_embedding_ln", "use_attention_sinks"})
        require(json, key, false, false);
    for (const char* key : {"clip_qkv", "num_experts"})
        if (is_given(json, key)) throw Error(json.pointer(key), "null", json.at(key).dump());
    if (json.string("attention_dir", "causal") != "causal")
        throw Error(json.pointer("attention_dir"), "\"causal\"", json.at("attention_dir").dump());
    if (json.number("rotary_scaling_factor", 1) != 1)
        throw Error(json.pointer("rotary_scaling_factor"), "1", json.at("rotary_scaling_factor").dump());
    auto out = json.integer("d_vocab_out", -1);
    if (out != -1 && out != c.d_vocab)
        throw Error(json.pointer("d_vocab_out"), "d_vocab " + std::to_string(c.d_vocab), std::to_string(out));
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "transformer_lens";
    c.n_layers = json_size(json, "n_layers");
    c.d_model = json_size(json, "d_model");
    c.d_head = json_size(json, "d_head");
    bool counted = json.has("n_heads") && json.at("n_heads") != -1;
    c.n_heads = counted ? json_size(json, "n_heads") : c.d_model / std::max(c.d_head, 1);
    c.n_kv_heads = is_given(json, "n_key_value_heads") ? json_size(json, "n_key_value_heads") : c.n_heads;
    c.n_ctx = json_size(json, "n_ctx");
    c.d_vocab = json_size(json, "d_vocab");
    read_norm(json, c);
    read_positions(json, c);
    read_attention(json, c);
    refuse_others(json, c);
    c.parallel = json.boolean("parallel_attn_mlp", false);
    c.mlp = json.boolean("attn_only", false) ? MlpKind::none : json.boolean("gated_mlp", false) ? MlpKind::gated : MlpKind::plain;
    if (c.mlp != MlpKind::none) {
        c.d_mlp = is_given(json, "d_mlp") ? json_size(json, "d_mlp") : 4 * c.d_model;
        c.activation = parse_activation(json.string("act_fn"), json.pointer("act_fn"));
    }
    check(c, subject);
    return c;
}

struct Reader {
    const ModelConfig& c;
    Weights& weights;

    NormLayer norm(const std::string& name, int width) const {
        if (c.norm == Norm::none) return {};
        if (!c.norm_affine) return {c.norm, c.eps, {}, {}};
        return {c.norm, c.eps, weights.take(name + ".w", {width}), weights.take_if(name + ".b", {width})};
    }
    NormLayer norm(const std::string& name) const { return norm(name, c.d_model); }
    // W [head, d_model, d_head] -> (d_model, head·d_head)
    Linear heads(const std::string& at, const std::string& part, int n) const {
        std::string underscore = weights.has(at + "_W_" + part) ? "_" : "";
        Tensor w = weights.take(at + underscore + "W_" + part, {n, c.d_model, c.d_head});
        Tensor b = weights.take_if(at + underscore + "b_" + part, {n, c.d_head});
        Linear made{weights.settle(w.permute({1, 0, 2}).reshape({c.d_model, std::int64_t{n} * c.d_head})),
                    b.defined() ? b.reshape({-1}) : b};
        if (n > 1) weights.release(at + underscore + "W_" + part);  // one head needs no regrouping, hence no copy
        return made;
    }
    Block block(int l) const {
        std::string at = "blocks." + std::to_string(l) + ".";
        Block b = empty_block(c, l);
        b.ln1 = norm(at + "ln1");
        b.attn.q = heads(at + "attn.", "Q", c.n_heads);
        b.attn.k = heads(at + "attn.", "K", c.n_kv_heads);
        b.attn.v = heads(at + "attn.", "V", c.n_kv_heads);
        b.attn.o = {weights.take(at + "attn.W_O", {c.n_heads, c.d_head, c.d_model}).flatten(0, 1),
                    weights.take_if(at + "attn.b_O", {c.d_model})};
        if (c.qk_norm) b.attn.q_norm = norm(at + "attn.q_norm", c.d_head), b.attn.k_norm = norm(at + "attn.k_norm", c.d_head);
        if (c.post_norms) b.ln1_post = norm(at + "ln1_post");
        if (c.mlp == MlpKind::none) return b;
        b.ln2 = norm(at + "ln2");
        if (c.post_norms) b.ln2_post = norm(at + "ln2_post");
        // Gated: TransformerLens calls the gate W_gate, and adds b_in after the product.
        bool gated = c.mlp == MlpKind::gated;
        b.mlp.in = {weights.take(at + (gated ? "mlp.W_gate" : "mlp.W_in"), {c.d_model, c.d_mlp}),
                    gated ? Tensor() : weights.take_if(at + "mlp.b_in", {c.d_mlp})};
        if (gated) b.mlp.linear = {weights.take(at + "mlp.W_in", {c.d_model, c.d_mlp}), {}};
        if (gated) b.mlp.post_bias = weights.take_if(at + "mlp.b_in", {c.d_mlp});
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
