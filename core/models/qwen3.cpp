// Qwen3 (Yang et al. 2025): Llama's composition with normed queries and keys.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "qwen3");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "qwen3");
    c.d_head = json_size(json, "head_dim", 128);
    c.rotary = read_rotary(json, c);
    c.qk_norm = true;
    c.qkv_bias = c.o_bias = json.boolean("attention_bias", false);
    bool slides = json.boolean("use_sliding_window", false) && (!json.has("sliding_window") || is_given(json, "sliding_window"));
    int window = slides ? json_size(json, "sliding_window", 4096) : 0, first = json_size(json, "max_window_layers", 28);
    c.windows = read_windows(json, c, window, [&](int layer) { return slides && layer >= first; });
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_qwen3;
const Architecture architecture_qwen3{"qwen3", "Qwen3: as Llama, with normed queries and keys", matches, configure, load_llama_layout};

}  // namespace microtome
