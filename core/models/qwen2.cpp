// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's composition with biases on q, k and v; some layers may have a window.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "qwen2");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "qwen2");
    c.rotary = read_rotary(json, c);
    c.qkv_bias = true;
    bool slides = json.boolean("use_sliding_window", false) && (!json.has("sliding_window") || is_given(json, "sliding_window"));
    int window = slides ? json_size(json, "sliding_window", 4096) : 0, first = json_size(json, "max_window_layers", 28);
    c.windows = read_windows(json, c, window, [&](int layer) { return slides && layer >= first; });
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_qwen2;
const Architecture architecture_qwen2{"qwen2", "Qwen2 and 2.5: as Llama, with biases on q, k, v; windows where its config has them",
                                      matches, configure, load_llama_layout};

}  // namespace microtome
