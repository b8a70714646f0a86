#include "core/config.h"

#include <array>
#include <utility>

#include "core/base/error.h"

namespace microtome {

const char* name_of(Norm norm) {
    return std::array{"none", "LayerNorm", "RMSNorm"}.at(static_cast<std::size_t>(norm));
}

const char* name_of(Positions positions) {
    return std::array{"none", "learned", "rotary"}.at(static_cast<std::size_t>(positions));
}

const char* name_of(MlpKind kind) {
    return std::array{"none", "plain", "gated"}.at(static_cast<std::size_t>(kind));
}

const char* name_of(Activation activation) {
    return std::array{"relu", "gelu", "gelu_new", "silu"}.at(static_cast<std::size_t>(activation));
}

Activation parse_activation(const std::string& name, const std::string& subject) {
    static const std::array<std::pair<const char*, Activation>, 7> known{{{"relu", Activation::relu},
                                                                          {"gelu", Activation::gelu},
                                                                          {"gelu_new", Activation::gelu_tanh},
                                                                          {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                                          {"gelu_fast", Activation::gelu_tanh},
                                                                          {"silu", Activation::silu},
                                                                          {"swish", Activation::silu}}};
    for (auto [text, activation] : known)
        if (name == text) return activation;
    throw Error(subject, "relu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, silu or swish", "\"" + name + "\"");
}

void check(const ModelConfig& c, const std::string& subject) {
    auto range = [&](const char* key, int value, int least, int most) {
        if (value < least || value > most)
            throw Error(subject + "#" + key, "between " + std::to_string(least) + " and " + std::to_string(most), std::to_string(value));
    };
    range("n_layers", c.n_layers, 1, 1000);
    range("n_heads", c.n_heads, 1, 4096);
    range("n_kv_heads", c.n_kv_heads, 1, c.n_heads);
    range("d_model", c.d_model, 1, 1 << 20);
    range("d_head", c.d_head, 1, 1 << 16);
    range("d_vocab", c.d_vocab, 1, 1 << 24);
    range("n_ctx", c.n_ctx, 1, 1 << 26);
    if (c.mlp != MlpKind::none) range("d_mlp", c.d_mlp, 1, 1 << 22);
    if (c.n_heads % c.n_kv_heads != 0)
        throw Error(subject + "#n_kv_heads", "a divisor of the " + std::to_string(c.n_heads) + " heads", std::to_string(c.n_kv_heads));
    if (c.positions == Positions::rotary) {
        range("rotary_dim", c.rotary_dim, 2, c.d_head);
        if (c.rotary_dim % 2 != 0) throw Error(subject + "#rotary_dim", "an even number", std::to_string(c.rotary_dim));
        if (!(c.rotary_base > 0)) throw Error(subject + "#rope_theta", "a positive number", std::to_string(c.rotary_base));
    }
    if (!(c.eps >= 0)) throw Error(subject + "#eps", "a number ≥ 0", std::to_string(c.eps));
}

}  // namespace microtome
