#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "analyses/files/positions.h"
#include "analyses/files/session_file.h"
#include "core/base/error.h"
#include "core/base/near.h"
#include "core/base/sites.h"

namespace microtome {
namespace {

constexpr std::size_t longest_target = 200;
constexpr int most_layers = 1000;

bool word_character(unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
}

// Takes up to nine digits off the front of `text`.
bool take_number(std::string_view& text) {
    std::size_t n = 0;
    while (n < std::min<std::size_t>(text.size(), 9) && std::isdigit(static_cast<unsigned char>(text[n]))) ++n;
    text.remove_prefix(n);
    return n > 0;
}

bool take(std::string_view& text, std::string_view start) {
    if (!text.starts_with(start)) return false;
    text.remove_prefix(start.size());
    return true;
}

// A neuron "L5.mlp.n1234" or a feature "L8.sae:NAME.f12".
bool is_part(std::string_view text) {
    if (!take(text, "L") || !take_number(text)) return false;
    if (take(text, ".mlp.n")) return take_number(text) && text.empty();
    if (!take(text, ".sae:")) return false;
    std::string_view name = text.substr(0, text.find('.'));
    text.remove_prefix(name.size());
    return !name.empty() && std::all_of(name.begin(), name.end(), word_character) && take(text, ".f") && take_number(text) && text.empty();
}

// "blocks.9.mlp.W_out": words with dots between.
bool is_weight(std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) { return (word_character(c) && c != '-') || c == '.'; });
    return plain && !text.starts_with('.') && !text.ends_with('.') && text.find("..") == std::string_view::npos;
}

// Does the pattern name a site of any model?
bool matches_a_site(const std::string& pattern) {
    for (const SiteInfo& row : site_table)
        for (int layer = 0; layer < (per_layer(row.site) ? most_layers : 1); ++layer)
            if (glob_match(pattern, hook_name({row.site, layer}))) return true;
    return false;
}

std::vector<int> counts(JsonReader& reader, const std::string& key) {
    std::vector<int> list;
    if (!reader.has(key)) return list;
    const Json& value = reader.at(key);
    bool good = value.is_array();
    for (std::size_t i = 0; good && i < value.size(); ++i) {
        good = value[i].is_number_integer() && value[i].get<double>() >= 0 && value[i].get<double>() <= std::numeric_limits<int>::max();
        if (good) list.push_back(value[i].get<int>());
    }
    if (!good)
        throw Error(reader.pointer(key), "a list of numbers counted from 0", value.dump(-1, ' ', false, Json::error_handler_t::replace));
    return list;
}

}  // namespace

const std::vector<std::string>& intervention_types() {
    static const std::vector<std::string> types{"zero", "mean",  "resample",      "patch",       "noise", "freeze",
                                                "add",  "scale", "clamp_feature", "project_out", "swap",  "edit_weight"};
    return types;
}

void check_target(const std::string& type, const std::string& target, const std::string& subject) {
    const std::string expected =
        type == "edit_weight" ? "the name of a weight, such as blocks.9.mlp.W_out" : "L9.H6.z or blocks.9.attn.hook_z";
    if (target.empty() || target.size() > longest_target) throw Error(subject, expected, "\"" + target + "\"");
    if (type == "edit_weight") {
        if (!is_weight(target)) throw Error(subject, expected, "\"" + target + "\"");
    } else if (target.find('*') != std::string::npos) {
        if (!matches_a_site(target)) throw Error(subject, "a pattern that some site matches (microtome list sites)", "\"" + target + "\"");
    } else if (!is_part(target)) {
        try {
            parse_target(target);
        } catch (const Error& error) {
            throw error.within(subject);
        }
    }
}

Intervention intervention_from_json(const Json& json, const std::string& subject, const std::string& where) {
    JsonReader reader(json, subject, where);
    Intervention out;
    out.id = reader.string("id");
    if (out.id.empty()) throw Error(reader.pointer("id"), "a name", "\"\"");
    out.type = reader.string("type");
    const std::vector<std::string>& types = intervention_types();
    if (std::find(types.begin(), types.end(), out.type) == types.end())
        throw Error(reader.pointer("type"), joined(types), with_suggestion(out.type, types));
    out.target = reader.string("target");
    check_target(out.type, out.target, reader.pointer("target"));
    out.positions = reader.string("positions", out.positions);
    check_positions(out.positions, reader.pointer("positions"));
    out.heads = counts(reader, "heads");
    out.layers = counts(reader, "layers");
    out.strength = reader.number("strength", out.strength);
    if (!std::isfinite(out.strength)) throw Error(reader.pointer("strength"), "a finite number", "a larger one");
    out.source = reader.string("source", "");
    out.seed = reader.integer("seed", out.seed);
    out.enabled = reader.boolean("enabled", out.enabled);
    reader.done();
    return out;
}

Json to_json(const Intervention& intervention) {
    const Intervention plain;
    Json json = {
        {"id", intervention.id}, {"type", intervention.type}, {"target", intervention.target}, {"positions", intervention.positions}};
    if (!intervention.heads.empty()) json["heads"] = intervention.heads;
    if (!intervention.layers.empty()) json["layers"] = intervention.layers;
    if (intervention.strength != plain.strength) json["strength"] = intervention.strength;
    if (!intervention.source.empty()) json["source"] = intervention.source;
    if (intervention.seed != plain.seed) json["seed"] = intervention.seed;
    json["enabled"] = intervention.enabled;
    return json;
}

}  // namespace microtome
