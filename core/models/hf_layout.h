// What the architectures in the Hugging Face layout share: how configs spell sizes, rotary positions and windows, and how nn.Linear,
// norms and the two ends of a model are stored.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/models/architecture.h"

namespace microtome {

bool has_model_type(const Json& config, const char* type);
/// The key is there and not null.
bool is_given(JsonReader& json, const char* key);
/// Refuses a switch that this program can't honour, naming it.
void require(JsonReader& json, const char* key, bool value, bool fallback);

/// d_head: `key` where given, else hidden size / heads.
int read_head_size(JsonReader& json, const ModelConfig& config, const char* key, const char* heads_key);

struct RotaryKeys {
    const char* base = "rope_theta";
    const char* part = "partial_rotary_factor";  // how much of d_head is turned
    double default_base = 10000, default_part = 1;
    int default_original_n_ctx = 0;  // 0: the context
};
/// Rotary positions and their scaling, from `rope_parameters`, `rope_scaling` or the config itself. A kind unknown here is refused.
Rotary read_rotary(JsonReader& json, const ModelConfig& config, const RotaryKeys& keys = {});
/// The same from one object such as rope_parameters/full_attention; `base` where it has none of its own.
Rotary read_rotary_object(JsonReader& rope, const ModelConfig& config, double base, double part, int original_n_ctx);

/// A window a layer: from `layer_types` where given, else of the layers that `slides` names. All 0 without a window.
std::vector<int> read_windows(JsonReader& json, const ModelConfig& config, int window, const std::function<bool(int layer)>& slides);

/// Parts under their names in the file; a shape or a bias that doesn't fit the config is an Error that names the tensor.
struct HfReader {
    const ModelConfig& config;
    Weights& weights;

    NormLayer norm(const std::string& name, std::int64_t width) const;
    NormLayer norm(const std::string& name) const { return norm(name, config.d_model); }
    /// nn.Linear keeps (out, in): its transposed view.
    Linear linear(const std::string& name, std::int64_t in, std::int64_t out, bool biased) const;
    /// Several maps of one input stored as one: their columns, in order, as views.
    std::vector<Linear> fused(const std::string& name, std::int64_t in, const std::vector<std::int64_t>& outs, bool biased) const;
    /// W_E under `embed` and W_U under `head` (out, in); a tied file keeps either name or both.
    void ends(Transformer& t, const std::string& embed, const std::string& head) const;
};

}  // namespace microtome
