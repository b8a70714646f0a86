// How configs spell rotary positions: rope_theta and rope_scaling beside it, or rope_parameters with both.
#include <cmath>

#include "core/base/error.h"
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

RotaryKind read_kind(JsonReader& rope) {
    const char* key = rope.has("rope_type") ? "rope_type" : "type";
    std::string name = rope.string(key, "default");
    if (name == "default") return RotaryKind::plain;
    for (RotaryKind kind : {RotaryKind::linear, RotaryKind::dynamic, RotaryKind::llama3, RotaryKind::yarn, RotaryKind::longrope})
        if (name == name_of(kind)) return kind;
    if (name == "su") return RotaryKind::longrope;  // its name before it was published
    throw Error(rope.pointer(key), "default, linear, dynamic, llama3, yarn or longrope", "\"" + name + "\"");
}

double given_or(JsonReader& rope, const char* key, double fallback) {
    return is_given(rope, key) ? rope.number(key) : fallback;
}

std::vector<double> read_factors(JsonReader& rope, const char* key) {
    const Json& list = rope.at(key);
    if (!list.is_array()) throw Error(rope.pointer(key), "a list of numbers", list.type_name());
    std::vector<double> out;
    for (const Json& f : list) {
        if (!f.is_number()) throw Error(rope.pointer(key), "a list of numbers", f.dump(-1, ' ', false, Json::error_handler_t::replace));
        out.push_back(f.get<double>());
    }
    return out;
}

// Peng et al. 2023, equation 22: the attention's temperature, as a factor of the turned vectors.
double yarn_magnitude(JsonReader& rope, double factor) {
    if (is_given(rope, "attention_factor")) return rope.number("attention_factor");
    auto scale = [&](double m) { return factor <= 1 ? 1.0 : 0.1 * m * std::log(factor) + 1; };
    double m = given_or(rope, "mscale", 0), all = given_or(rope, "mscale_all_dim", 0);
    return m != 0 && all != 0 ? scale(m) / scale(all) : scale(1);
}

void read_scaling(JsonReader& rope, Rotary& r, int n_ctx) {
    double stretched = static_cast<double>(n_ctx) / r.original_n_ctx;
    switch (r.kind) {
        case RotaryKind::plain:
            break;
        case RotaryKind::linear:
        case RotaryKind::dynamic:
            r.factor = rope.number("factor");
            break;
        case RotaryKind::llama3:
            r.factor = rope.number("factor");
            r.low_frequency = rope.number("low_freq_factor");
            r.high_frequency = rope.number("high_freq_factor");
            break;
        case RotaryKind::yarn:
            r.factor = given_or(rope, "factor", stretched);
            r.beta_fast = given_or(rope, "beta_fast", 32);
            r.beta_slow = given_or(rope, "beta_slow", 1);
            r.whole_dimensions = rope.boolean("truncate", true);
            r.magnitude = yarn_magnitude(rope, r.factor);
            break;
        case RotaryKind::longrope:
            r.short_factors = read_factors(rope, "short_factor");
            r.long_factors = read_factors(rope, "long_factor");
            r.factor = given_or(rope, "factor", stretched);
            r.magnitude =
                given_or(rope, "attention_factor",
                         r.factor <= 1 ? 1.0 : std::sqrt(1 + std::log(r.factor) / std::log(static_cast<double>(r.original_n_ctx))));
    }
}

}  // namespace

Rotary read_rotary_object(JsonReader& rope, const ModelConfig& c, double base, double part, int original_n_ctx) {
    Rotary r;
    r.base = given_or(rope, "rope_theta", base);
    double turned = given_or(rope, "partial_rotary_factor", part) * c.d_head;
    if (!(turned >= 0 && turned <= c.d_head))
        throw Error(rope.pointer("partial_rotary_factor"), "a share of d_head, from 0 to 1", std::to_string(turned / c.d_head));
    r.dim = static_cast<int>(turned);
    r.kind = read_kind(rope);
    r.original_n_ctx = original_n_ctx > 0 ? original_n_ctx : c.n_ctx;
    if (r.kind == RotaryKind::dynamic)
        r.original_n_ctx = c.n_ctx;
    else if (original_n_ctx <= 0 && is_given(rope, "original_max_position_embeddings"))
        r.original_n_ctx = json_size(rope, "original_max_position_embeddings");
    if (r.kind != RotaryKind::plain && r.original_n_ctx < 1)
        throw Error(rope.pointer("original_max_position_embeddings"), "a length", std::to_string(r.original_n_ctx));
    read_scaling(rope, r, c.n_ctx);
    return r;
}

Rotary read_rotary(JsonReader& json, const ModelConfig& c, const RotaryKeys& keys) {
    double base = given_or(json, keys.base, keys.default_base), part = given_or(json, keys.part, keys.default_part);
    // The config's own field wins over the one inside the scaling.
    int original = is_given(json, "original_max_position_embeddings") ? json_size(json, "original_max_position_embeddings")
                                                                      : keys.default_original_n_ctx;
    for (const char* key : {"rope_parameters", "rope_scaling"}) {
        if (!is_given(json, key)) continue;
        JsonReader rope = json.object(key);
        return read_rotary_object(rope, c, base, part, original);
    }
    static const Json none = Json::object();
    JsonReader rope(none, json.pointer("rope_parameters"));
    return read_rotary_object(rope, c, base, part, original);
}

}  // namespace microtome
