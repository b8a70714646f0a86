#include "analyses/presets.h"

#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "core/base/split.h"

namespace microtome {
namespace {

// One site over an axis order. Letters: l layer, p position (of a pattern: the destination), h head, s source position.
struct Part {
    const char* label;  // on the axis `kind`
    Site site;
    const char* order;
};
struct Preset {
    const char* name;
    std::vector<Part> parts;  // several: a leading axis `kind`; all have the same axes
};

const std::vector<Preset>& presets() {
    static const std::vector<Preset> all{
        {"resid_pre", {{"", Site::resid_pre, "lp"}}},
        {"resid_mid", {{"", Site::resid_mid, "lp"}}},
        {"attn_out", {{"", Site::attn_out, "lp"}}},
        {"mlp_out", {{"", Site::mlp_out, "lp"}}},
        {"attn_head_out_by_pos", {{"", Site::z, "lph"}}},
        {"attn_head_q_by_pos", {{"", Site::q, "lph"}}},
        {"attn_head_k_by_pos", {{"", Site::k, "lph"}}},
        {"attn_head_v_by_pos", {{"", Site::v, "lph"}}},
        {"attn_head_pattern_by_pos", {{"", Site::pattern, "lhp"}}},
        {"attn_head_pattern_dest_src_pos", {{"", Site::pattern, "lhps"}}},
        {"attn_head_out_all_pos", {{"", Site::z, "lh"}}},
        {"attn_head_q_all_pos", {{"", Site::q, "lh"}}},
        {"attn_head_k_all_pos", {{"", Site::k, "lh"}}},
        {"attn_head_v_all_pos", {{"", Site::v, "lh"}}},
        {"attn_head_pattern_all_pos", {{"", Site::pattern, "lh"}}},
        {"attn_head_all_pos_every",
         {{"out", Site::z, "lh"}, {"q", Site::q, "lh"}, {"k", Site::k, "lh"}, {"v", Site::v, "lh"}, {"pattern", Site::pattern, "lh"}}},
        {"attn_head_by_pos_every",
         {{"out", Site::z, "lph"}, {"q", Site::q, "lph"}, {"k", Site::k, "lph"}, {"v", Site::v, "lph"}, {"pattern", Site::pattern, "lph"}}},
        {"block_every", {{"resid_pre", Site::resid_pre, "lp"}, {"attn_out", Site::attn_out, "lp"}, {"mlp_out", Site::mlp_out, "lp"}}}};
    return all;
}

int heads_of(Site site, const ModelConfig& config) {
    return std::string_view(info(site).axes).find('k') != std::string_view::npos ? config.n_kv_heads : config.n_heads;
}

Axis axis_of(char letter, Site site, const ModelConfig& config, const Places& places, bool every) {
    auto numbered = [](const char* name, int n) {
        Axis axis{name, {}};
        for (int i = 0; i < n; ++i) axis.labels.push_back(std::to_string(i));
        return axis;
    };
    bool pattern = site == Site::pattern || site == Site::attn_scores;
    switch (letter) {
        case 'l':
            return numbered("layer", config.n_layers);
        case 'h':
            return numbered("head", every ? config.n_heads : heads_of(site, config));
        case 's':
            return {"source", places.labels};
        default:
            return {pattern && !every ? "destination" : "position", places.labels};
    }
}

PresetLayout lay_out_parts(const std::vector<Part>& parts, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                           const PositionChoice& positions) {
    bool every = parts.size() > 1;
    std::string_view order = parts[0].order;
    Places places;
    if (order.find('p') != std::string_view::npos)
        places = find_places(pairs, positions);
    else if (positions.positions != "all")
        throw Error("positions", "a preset with a position axis", positions.positions);
    else if (positions.by != "auto")
        throw Error("by", "auto, or a preset with a position axis", positions.by);
    PresetLayout layout;
    layout.places = places.at, layout.by_role = places.by_role, layout.note = places.note;
    if (every) {
        layout.axes.push_back({"kind", {}});
        for (const Part& part : parts) layout.axes[0].labels.emplace_back(part.label);
    }
    for (char letter : order) layout.axes.push_back(axis_of(letter, parts[0].site, config, places, every));
    std::size_t cells = 1;
    for (std::size_t i = every ? 1 : 0; i < layout.axes.size(); ++i) cells *= layout.axes[i].size();
    for (std::size_t part = 0; part < parts.size(); ++part) {
        if (!has_site(config, parts[part].site)) throw Error("preset", "a site that this model has", hook_name({parts[part].site, 0}));
        for (std::size_t index = 0; index < cells; ++index) {
            PatchSlice cell{{parts[part].site, 0}, -1, -1, -1};
            std::size_t rest = index;
            for (std::size_t i = order.size(); i-- > 0;) {
                std::size_t size = layout.axes[i + (every ? 1 : 0)].size();
                int value = static_cast<int>(rest % size);
                rest /= size;
                if (order[i] == 'l') cell.ref.layer = value;
                if (order[i] == 'p') cell.place = value;
                if (order[i] == 'h') cell.head = value;
                if (order[i] == 's') cell.from = value;
            }
            std::size_t flat = part * cells + index;
            if (cell.head >= heads_of(cell.ref.site, config)) {
                layout.padding.push_back(flat);
                continue;
            }
            layout.cells.push_back(cell);
            layout.flat.push_back(flat);
        }
    }
    return layout;
}

}  // namespace

PresetLayout lay_out(const std::string& preset, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                     const PositionChoice& positions) {
    for (const Preset& known : presets())
        if (preset == known.name) return lay_out_parts(known.parts, config, pairs, positions);
    throw Error("preset", "a name from activation-patching --help", "\"" + preset + "\"");
}

PresetLayout lay_out_site(const std::string& site, const std::string& axes, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                          const PositionChoice& positions) {
    Site which = parse_site(site);
    if (!per_layer(which)) throw Error("site", "a site of a layer", site);
    std::string_view there = info(which).axes;
    bool heads = there.find_first_of("hk") != std::string_view::npos, sources = there == "hps";
    std::string order;
    for (const std::string& name : split(axes, ',')) {
        char letter = name == "layer"                               ? 'l'
                      : name == "position" || name == "destination" ? 'p'
                      : name == "head"                              ? 'h'
                      : name == "source"                            ? 's'
                                                                    : '?';
        bool possible = letter == 'l' || letter == 'p' || (letter == 'h' && heads) || (letter == 's' && sources);
        if (!possible || order.find(letter) != std::string::npos)
            throw Error("axes",
                        std::string("layer, position") + (heads ? ", head" : "") + (sources ? ", source" : "") + ", each at most once",
                        "\"" + name + "\"");
        order += letter;
    }
    if (order.empty() || order[0] != 'l') throw Error("axes", "layer first", "\"" + axes + "\"");
    if (order.find('s') != std::string::npos && order.find('p') == std::string::npos)
        throw Error("axes", "position beside source", "\"" + axes + "\"");
    Part part{"", which, order.c_str()};
    return lay_out_parts({part}, config, pairs, positions);
}

}  // namespace microtome
