// What a transformer is made of. An architecture is a composition of these parts, not a family name.
#pragma once

#include <string>
#include <vector>

namespace microtome {

enum class Norm { none, layer, rms };
enum class Positions { none, learned, rotary };
enum class MlpKind { none, plain, gated };
enum class Activation { relu, gelu, gelu_tanh, silu };
enum class RotaryKind { plain, linear, dynamic, llama3, yarn, longrope };

/// Rotary positions (Su et al. 2021) of one kind of layer: how many dimensions turn, and by which angles (core/models/rotary.cpp).
struct Rotary {
    int dim = 0;               // how many of d_head are turned, from the first on; 0: none
    double base = 10000;       // angle of pair i at position p: p · base^(-2i/dim)
    bool interleaved = false;  // pairs (2i, 2i+1); otherwise (i, i + dim/2)
    RotaryKind kind = RotaryKind::plain;
    double factor = 1;                             // how far the context is stretched
    double low_frequency = 1, high_frequency = 4;  // llama3: turns in the original context below which all, above which none is stretched
    double beta_fast = 32, beta_slow = 1;          // yarn: the same, the other way round
    bool whole_dimensions = true;                  // yarn: the ramp's ends are rounded to dimensions
    double magnitude = 1;                          // of the turned vector: yarn, longrope
    int original_n_ctx = 0;                        // the context before stretching
    std::vector<double> short_factors, long_factors;  // longrope: divisor of each frequency up to original_n_ctx tokens, and beyond
    bool operator==(const Rotary&) const = default;
};

struct ModelConfig {
    std::string architecture;  // where the weights' names come from: "gpt2", "llama", "transformer_lens"
    int n_layers = 0, n_heads = 0, n_kv_heads = 0, d_model = 0, d_head = 0, d_mlp = 0, d_vocab = 0, n_ctx = 0;
    double embed_scale = 1;  // factor on the token embedding
    Norm norm = Norm::layer;
    double norm_offset = 0;   // norms multiply by offset + weight
    bool norm_affine = true;  // norms have weights at all
    bool final_norm = true;
    bool shared_norm = false;  // parallel: attention and MLP read through one norm
    bool post_norms = false;   // what attention and MLP write is normed too
    bool qk_norm = false;      // queries and keys are normed, over d_head
    double eps = 1e-5;
    Positions positions = Positions::learned;
    Rotary rotary;
    Rotary rotary_windowed;    // of layers with a window; dim 0: the same
    std::vector<int> windows;  // a layer's queries read the last so many tokens, their own included; 0: all; empty: all in each layer
    MlpKind mlp = MlpKind::plain;
    Activation activation = Activation::gelu_tanh;
    bool parallel = false;                                    // attention and MLP read the same stream
    double score_scale = 0;                                   // factor on q·k; 0: 1/sqrt(d_head)
    double score_cap = 0;                                     // c: scores s become c tanh(s/c); 0: not
    double logit_cap = 0;                                     // the same for the logits
    bool tied = false;                                        // W_U is W_E transposed
    bool qkv_bias = false, o_bias = false, mlp_bias = false;  // which linear maps the weights must hold biases of

    int window(int layer) const { return windows.empty() ? 0 : windows.at(static_cast<std::size_t>(layer)); }
};

const char* name_of(Norm norm);
const char* name_of(Positions positions);
const char* name_of(MlpKind kind);
const char* name_of(Activation activation);
const char* name_of(RotaryKind kind);
Activation parse_activation(const std::string& name, const std::string& subject);

/// Refuses sizes that don't fit each other or can't be real; `subject` names the file.
void check(const ModelConfig& config, const std::string& subject);

}  // namespace microtome
