// Llama 1 to 3 (Touvron et al. 2023, Grattafiori et al. 2024): RMSNorm, rotary positions, gated MLP, grouped queries.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "llama");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "llama");
    c.rotary = read_rotary(json, c);
    c.qkv_bias = c.o_bias = json.boolean("attention_bias", false);
    c.mlp_bias = json.boolean("mlp_bias", false);
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_llama;
const Architecture architecture_llama{"llama", "Llama 1 to 3: RMSNorm, rotary positions (scaled too), gated MLP, grouped queries", matches,
                                      configure, load_llama_layout};

}  // namespace microtome
