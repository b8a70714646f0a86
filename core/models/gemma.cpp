// Gemma 1 to 3 (Gemma Team 2024, 2024, 2025), text: scaled embeddings, norms that multiply by 1 + weight, tanh GELU; from 2 on norms after
// attention and MLP, alternating windows, capped scores and logits; 3 norms queries and keys instead, and has a rotary base of its own
// where there is a window.
#include <cmath>

#include "core/base/error.h"
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

ModelConfig read_gemma(JsonReader& json, const char* architecture) {
    ModelConfig c = read_llama_config(json, architecture);
    c.d_head = json_size(json, "head_dim", 256);
    c.embed_scale = std::sqrt(c.d_model);
    c.norm_offset = 1;
    c.qkv_bias = c.o_bias = json.boolean("attention_bias", false);
    c.tied = json.boolean("tie_word_embeddings", true);
    // Early configs say "gelu" and mean its tanh form.
    const char* key = is_given(json, "hidden_activation") ? "hidden_activation" : "hidden_act";
    std::string name = is_given(json, key) ? json.string(key) : "gelu_pytorch_tanh";
    c.activation = name == "gelu" && std::string(key) == "hidden_act" ? Activation::gelu_tanh : parse_activation(name, json.pointer(key));
    require(json, "use_bidirectional_attention", false, false);
    return c;
}

double read_cap(JsonReader& json, const char* key, double fallback) {
    if (!json.has(key)) return fallback;
    return is_given(json, key) ? json.number(key) : 0;
}

double read_score_scale(JsonReader& json) {
    double scalar = json.number("query_pre_attn_scalar", 256);
    if (!(scalar > 0)) throw Error(json.pointer("query_pre_attn_scalar"), "a positive number", std::to_string(scalar));
    return 1 / std::sqrt(scalar);
}

int read_window(JsonReader& json) {
    return json.has("sliding_window") && !is_given(json, "sliding_window") ? 0 : json_size(json, "sliding_window", 4096);
}

ModelConfig configure_1(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_gemma(json, "gemma");
    c.rotary = read_rotary(json, c);
    check(c, subject);
    return c;
}

ModelConfig configure_2(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_gemma(json, "gemma2");
    c.rotary = read_rotary(json, c);
    c.post_norms = true;
    c.score_scale = read_score_scale(json);
    c.score_cap = read_cap(json, "attn_logit_softcapping", 50);
    c.logit_cap = read_cap(json, "final_logit_softcapping", 30);
    c.windows = read_windows(json, c, read_window(json), [](int layer) { return layer % 2 == 0; });
    check(c, subject);
    return c;
}

// rope_parameters by kind of layer, or as written before: rope_theta with rope_scaling, and rope_local_base_freq.
void read_rotaries(JsonReader& json, ModelConfig& c) {
    RotaryKeys global, local;
    global.default_base = 1e6;
    local.base = "rope_local_base_freq";
    if (!is_given(json, "rope_parameters")) {
        c.rotary = read_rotary(json, c, global);
        c.rotary_windowed = Rotary{};
        c.rotary_windowed.dim = c.d_head;
        c.rotary_windowed.base = is_given(json, local.base) ? json.number(local.base) : local.default_base;
        return;
    }
    JsonReader kinds = json.object("rope_parameters");
    auto one = [&](const char* kind, double base) {
        static const Json none = Json::object();
        JsonReader rope = is_given(kinds, kind) ? kinds.object(kind) : JsonReader(none, kinds.pointer(kind));
        return read_rotary_object(rope, c, base, 1, 0);
    };
    c.rotary = one("full_attention", is_given(json, "rope_theta") ? json.number("rope_theta") : global.default_base);
    c.rotary_windowed = one("sliding_attention", is_given(json, local.base) ? json.number(local.base) : local.default_base);
}

ModelConfig configure_3(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_gemma(json, "gemma3_text");
    c.post_norms = c.qk_norm = true;
    c.score_scale = read_score_scale(json);
    if (is_given(json, "attn_logit_softcapping"))
        throw Error(json.pointer("attn_logit_softcapping"), "null (the reference has no such cap here)",
                    json.at("attn_logit_softcapping").dump());
    c.logit_cap = read_cap(json, "final_logit_softcapping", 0);
    int every = json_size(json, json.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern", 6);
    if (every < 1) throw Error(json.pointer("sliding_window_pattern"), "a number ≥ 1", std::to_string(every));
    c.windows = read_windows(json, c, read_window(json), [&](int layer) { return (layer + 1) % every != 0; });
    read_rotaries(json, c);
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_gemma, architecture_gemma2, architecture_gemma3;
const Architecture architecture_gemma{"gemma", "Gemma: scaled embeddings, norms of 1 + weight, tanh GELU",
                                      [](const Json& config) { return has_model_type(config, "gemma"); }, configure_1, load_llama_layout};
const Architecture architecture_gemma2{"gemma2", "Gemma 2: post-norms, capped scores and logits, alternating windows",
                                       [](const Json& config) { return has_model_type(config, "gemma2"); }, configure_2, load_llama_layout};
const Architecture architecture_gemma3{"gemma3_text", "Gemma 3 (text): normed queries and keys, windows with a rotary base of their own",
                                       [](const Json& config) { return has_model_type(config, "gemma3_text"); }, configure_3,
                                       load_llama_layout};

}  // namespace microtome
