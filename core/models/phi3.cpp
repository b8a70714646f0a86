// Phi-3 (Abdin et al. 2024): Llama's composition, q/k/v and gate/up stored as one; a window in every layer, long contexts by LongRoPE.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "phi3");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "phi3");
    c.eps = json.number("rms_norm_eps", 1e-5);
    RotaryKeys keys;
    keys.default_original_n_ctx = 4096;
    c.rotary = read_rotary(json, c, keys);
    int window = is_given(json, "sliding_window") ? json_size(json, "sliding_window") : 0;
    c.windows.assign(static_cast<std::size_t>(c.n_layers), window);
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_phi3;
const Architecture architecture_phi3{"phi3", "Phi-3: as Llama, with fused projections, a window, LongRoPE", matches, configure,
                                     load_llama_layout};

}  // namespace microtome
