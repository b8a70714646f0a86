// What a transformer is made of. An architecture is a composition of these parts, not a family name.
#pragma once

#include <string>

namespace microtome {

enum class Norm { none, layer, rms };
enum class Positions { none, learned, rotary };
enum class MlpKind { none, plain, gated };
enum class Activation { relu, gelu, gelu_tanh, silu };

struct ModelConfig {
    std::string architecture;  // where the weights' names come from: "gpt2", "llama", "transformer_lens"
    int n_layers = 0, n_heads = 0, n_kv_heads = 0, d_model = 0, d_head = 0, d_mlp = 0, d_vocab = 0, n_ctx = 0;
    Norm norm = Norm::layer;
    bool final_norm = true;
    double eps = 1e-5;
    Positions positions = Positions::learned;
    double rotary_base = 10000;
    int rotary_dim = 0;  // how many of d_head are rotated
    MlpKind mlp = MlpKind::plain;
    Activation activation = Activation::gelu_tanh;
    bool parallel = false;   // attention and MLP read the same stream
    double score_scale = 0;  // factor on q·k; 0: 1/sqrt(d_head)
    bool tied = false;       // W_U is W_E transposed
};

const char* name_of(Norm norm);
const char* name_of(Positions positions);
const char* name_of(MlpKind kind);
const char* name_of(Activation activation);
Activation parse_activation(const std::string& name, const std::string& subject);

/// Refuses sizes that don't fit each other or can't be real; `subject` names the file.
void check(const ModelConfig& config, const std::string& subject);

}  // namespace microtome
