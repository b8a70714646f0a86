// Mistral (Jiang et al. 2023): Llama's composition with a sliding window in every layer.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "mistral");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "mistral");
    c.rotary = read_rotary(json, c);
    // A config without the field means 4096; null means none.
    int window = !json.has("sliding_window") ? 4096 : is_given(json, "sliding_window") ? json_size(json, "sliding_window") : 0;
    c.windows.assign(static_cast<std::size_t>(c.n_layers), window);
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_mistral;
const Architecture architecture_mistral{"mistral", "Mistral: as Llama, with a sliding window", matches, configure, load_llama_layout};

}  // namespace microtome
