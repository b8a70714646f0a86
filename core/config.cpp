#include "core/config.h"

#include <array>
#include <cmath>
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

const char* name_of(RotaryKind kind) {
    return std::array{"plain", "linear", "dynamic", "llama3", "yarn", "longrope"}.at(static_cast<std::size_t>(kind));
}

Activation parse_activation(const std::string& name, const std::string& subject) {
    static const std::array<std::pair<const char*, Activation>, 8> known{{{"relu", Activation::relu},
                                                                          {"gelu", Activation::gelu},
                                                                          {"gelu_new", Activation::gelu_tanh},
                                                                          {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                                          {"gelu_fast", Activation::gelu_tanh},
                                                                          {"gelu_python_tanh", Activation::gelu_tanh},
                                                                          {"silu", Activation::silu},
                                                                          {"swish", Activation::silu}}};
    for (auto [text, activation] : known)
        if (name == text) return activation;
    throw Error(subject, "relu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, silu or swish", "\"" + name + "\"");
}

namespace {

void check_range(const std::string& subject, const char* key, int value, int least, int most) {
    if (value < least || value > most)
        throw Error(subject + "#" + key, "between " + std::to_string(least) + " and " + std::to_string(most), std::to_string(value));
}

void check_positive(const std::string& subject, const char* key, double value) {
    if (!(value > 0 && std::isfinite(value))) throw Error(subject + "#" + key, "a positive number", std::to_string(value));
}

void check_factors(const std::vector<double>& factors, const Rotary& rotary, const char* key, const std::string& subject) {
    if (factors.size() != static_cast<std::size_t>(rotary.dim / 2))
        throw Error(subject + "#" + key, std::to_string(rotary.dim / 2) + " factors, one a rotated pair", std::to_string(factors.size()));
    for (double f : factors) check_positive(subject, key, f);
}

void check_rotary(const Rotary& r, int d_head, const std::string& subject) {
    check_range(subject, "rotary_dim", r.dim, 2, d_head);
    if (r.dim % 2 != 0) throw Error(subject + "#rotary_dim", "an even number", std::to_string(r.dim));
    check_positive(subject, "rope_theta", r.base);
    if (r.kind == RotaryKind::plain) return;
    check_positive(subject, "rope_scaling/factor", r.factor);
    check_positive(subject, "rope_scaling/attention_factor", r.magnitude);
    if (r.kind != RotaryKind::linear) check_range(subject, "original_max_position_embeddings", r.original_n_ctx, 1, 1 << 26);
    if (r.kind == RotaryKind::dynamic && r.dim == 2) throw Error(subject + "#rotary_dim", "more than 2 (dynamic scaling)", "2");
    if (r.kind == RotaryKind::yarn) {
        check_positive(subject, "rope_scaling/beta_fast", r.beta_fast);
        check_positive(subject, "rope_scaling/beta_slow", r.beta_slow);
        if (!(r.base > 1)) throw Error(subject + "#rope_theta", "more than 1 (yarn)", std::to_string(r.base));
    }
    if (r.kind == RotaryKind::llama3) {
        check_positive(subject, "rope_scaling/low_freq_factor", r.low_frequency);
        if (!(r.high_frequency > r.low_frequency))
            throw Error(subject + "#rope_scaling/high_freq_factor", "more than low_freq_factor", std::to_string(r.high_frequency));
    }
    if (r.kind == RotaryKind::longrope) {
        check_factors(r.short_factors, r, "rope_scaling/short_factor", subject);
        check_factors(r.long_factors, r, "rope_scaling/long_factor", subject);
    }
}

void check_attention(const ModelConfig& c, const std::string& subject) {
    if (c.n_heads % c.n_kv_heads != 0)
        throw Error(subject + "#n_kv_heads", "a divisor of the " + std::to_string(c.n_heads) + " heads", std::to_string(c.n_kv_heads));
    if (c.positions == Positions::rotary) check_rotary(c.rotary, c.d_head, subject);
    if (c.positions == Positions::rotary && c.rotary_windowed.dim > 0) check_rotary(c.rotary_windowed, c.d_head, subject);
    if (!c.windows.empty() && c.windows.size() != static_cast<std::size_t>(c.n_layers))
        throw Error(subject + "#layer_types", "one entry for each of the " + std::to_string(c.n_layers) + " layers",
                    std::to_string(c.windows.size()));
    for (int window : c.windows) check_range(subject, "sliding_window", window, 0, 1 << 26);
    for (double cap : {c.score_cap, c.logit_cap, c.score_scale})
        if (!(cap >= 0 && std::isfinite(cap))) throw Error(subject + "#softcapping", "caps and scales ≥ 0", std::to_string(cap));
}

}  // namespace

void check(const ModelConfig& c, const std::string& subject) {
    auto range = [&](const char* key, int value, int least, int most) { check_range(subject, key, value, least, most); };
    range("n_layers", c.n_layers, 1, 1000);
    range("n_heads", c.n_heads, 1, 4096);
    range("n_kv_heads", c.n_kv_heads, 1, c.n_heads);
    range("d_model", c.d_model, 1, 1 << 20);
    range("d_head", c.d_head, 1, 1 << 16);
    range("d_vocab", c.d_vocab, 1, 1 << 24);
    range("n_ctx", c.n_ctx, 1, 1 << 26);
    if (c.mlp != MlpKind::none) range("d_mlp", c.d_mlp, 1, 1 << 22);
    check_attention(c, subject);
    if (!(c.eps >= 0)) throw Error(subject + "#eps", "a number ≥ 0", std::to_string(c.eps));
    check_positive(subject, "embed_scale", c.embed_scale);
}

}  // namespace microtome
