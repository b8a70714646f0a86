// Llama as karpathy/llama2.c stores it (core/base/llama2c_model.h): neighbouring dimensions are rotated, where the Hugging Face layout has
// them half a head apart.
#include "core/models/llama_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "llama2c");
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c = read_llama_config(json, "llama2c");
    c.rotary.dim = c.d_head;
    c.rotary.interleaved = true;
    c.eps = 1e-5;
    check(c, subject);
    return c;
}

}  // namespace

extern const Architecture architecture_llama2c;
const Architecture architecture_llama2c{"llama2c", "llama2.c: Llama in one .bin file", matches, configure, load_llama_layout};

}  // namespace microtome
