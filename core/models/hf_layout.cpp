#include "core/models/hf_layout.h"

#include <ATen/ATen.h>

#include <numeric>

#include "core/base/error.h"

namespace microtome {

bool has_model_type(const Json& config, const char* type) {
    return config.is_object() && config.value("model_type", Json()) == type;
}

bool is_given(JsonReader& json, const char* key) {
    return json.has(key) && !json.at(key).is_null();
}

void require(JsonReader& json, const char* key, bool value, bool fallback) {
    bool got = is_given(json, key) ? json.boolean(key, fallback) : fallback;
    if (got != value) throw Error(json.pointer(key), value ? "true" : "false", got ? "true" : "false");
}

int read_head_size(JsonReader& json, const ModelConfig& c, const char* key, const char* heads_key) {
    if (is_given(json, key)) return json_size(json, key);
    if (c.n_heads == 0 || c.d_model % c.n_heads != 0)
        throw Error(json.pointer(heads_key), "a divisor of the model's width " + std::to_string(c.d_model), std::to_string(c.n_heads));
    return c.d_model / c.n_heads;
}

std::vector<int> read_windows(JsonReader& json, const ModelConfig& c, int window, const std::function<bool(int)>& slides) {
    std::vector<int> windows(static_cast<std::size_t>(c.n_layers), 0);
    if (!is_given(json, "layer_types")) {
        for (int l = 0; l < c.n_layers; ++l)
            if (slides(l)) windows[static_cast<std::size_t>(l)] = window;
        return windows;
    }
    const Json& types = json.at("layer_types");
    if (!types.is_array() || types.size() != windows.size())
        throw Error(json.pointer("layer_types"), "one entry for each of the " + std::to_string(c.n_layers) + " layers",
                    types.is_array() ? std::to_string(types.size()) : types.type_name());
    for (std::size_t l = 0; l < windows.size(); ++l) {
        bool slides_here = types[l] == "sliding_attention";
        std::string where = json.pointer("layer_types/" + std::to_string(l));
        if (!slides_here && types[l] != "full_attention") throw Error(where, "full_attention or sliding_attention", types[l].dump());
        if (slides_here && window == 0)
            throw Error(json.pointer("sliding_window"), "a window, for layer_types has sliding_attention", "none");
        if (slides_here) windows[l] = window;
    }
    return windows;
}

NormLayer HfReader::norm(const std::string& name, std::int64_t width) const {
    if (!config.norm_affine) return {config.norm, config.eps, {}, {}};
    NormLayer part{config.norm, config.eps, weights.take(name + ".weight", {width}), {}, config.norm_offset};
    if (config.norm == Norm::layer) part.bias = weights.take(name + ".bias", {width});
    return part;
}

Linear HfReader::linear(const std::string& name, std::int64_t in, std::int64_t out, bool biased) const {
    return {weights.take(name + ".weight", {out, in}).t(), biased ? weights.take(name + ".bias", {out}) : Tensor()};
}

std::vector<Linear> HfReader::fused(const std::string& name, std::int64_t in, const std::vector<std::int64_t>& outs, bool biased) const {
    Linear whole = linear(name, in, std::accumulate(outs.begin(), outs.end(), std::int64_t{0}), biased);
    std::vector<Linear> parts;
    std::int64_t at = 0;
    for (std::int64_t out : outs) {
        parts.push_back({whole.weight.narrow(1, at, out), biased ? whole.bias.narrow(0, at, out) : Tensor()});
        at += out;
    }
    return parts;
}

void HfReader::ends(Transformer& t, const std::string& embed, const std::string& head) const {
    const ModelConfig& c = config;
    bool head_only = c.tied && !weights.has(embed);
    t.W_E = weights.take(head_only ? head : embed, {c.d_vocab, c.d_model});
    t.unembed.weight = c.tied ? t.W_E.t() : weights.take(head, {c.d_vocab, c.d_model}).t();
}

}  // namespace microtome
