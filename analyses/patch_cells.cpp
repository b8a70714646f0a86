#include "analyses/patch_cells.h"

#include <algorithm>
#include <sstream>

#include "core/base/error.h"

namespace microtome {
namespace {

PatchMap map_of_sites(const std::string& sites, const std::string& axes, const ModelConfig& config, const std::vector<PairTokens>& pairs,
                      const PositionChoice& positions) {
    PatchMap map;
    std::istringstream names(sites);
    for (std::string name; std::getline(names, name, ',');) {
        PresetLayout layout = lay_out_site(name, axes, config, pairs, positions);
        if (map.cells.empty()) {
            map.layout = layout;
            map.cells.resize(layout.cells.size());
        }
        if (layout.cells.size() != map.cells.size())
            throw Error("site", "sites with as many heads as each other",
                        std::to_string(map.cells.size()) + " and " + std::to_string(layout.cells.size()) + " cells");
        for (std::size_t i = 0; i < layout.cells.size(); ++i) map.cells[i].push_back(layout.cells[i]);
    }
    return map;
}

void widen_layers(PatchMap& map, int window, int n_layers) {
    for (PatchCell& cell : map.cells) {
        PatchCell wide;
        for (const PatchSlice& slice : cell)
            for (int l = std::max(0, slice.ref.layer - window / 2); l < std::min(n_layers, slice.ref.layer + (window + 1) / 2); ++l) {
                wide.push_back(slice);
                wide.back().ref.layer = l;
            }
        cell = std::move(wide);
    }
}

void widen_positions(PresetLayout& layout, int window, const std::vector<PairTokens>& pairs) {
    if (layout.places.empty()) throw Error("position_window", "a map with a position axis", std::to_string(window));
    for (auto& place : layout.places)
        for (std::size_t pair = 0; pair < place.size(); ++pair) {
            std::vector<std::int64_t> wide;
            auto length = static_cast<std::int64_t>(pairs[pair].ids.size());
            for (std::int64_t p : place[pair])
                for (std::int64_t q = std::max<std::int64_t>(0, p - window / 2); q < std::min(length, p + (window + 1) / 2); ++q)
                    wide.push_back(q);
            std::sort(wide.begin(), wide.end());
            wide.erase(std::unique(wide.begin(), wide.end()), wide.end());
            place[pair] = std::move(wide);
        }
}

}  // namespace

PatchMap patch_map(const std::string& preset, const std::string& sites, const std::string& axes, int layer_window, int position_window,
                   const ModelConfig& config, const std::vector<PairTokens>& pairs, const PositionChoice& positions) {
    PatchMap map;
    if (sites.empty()) {
        map.layout = lay_out(preset, config, pairs, positions);
        for (const PatchSlice& slice : map.layout.cells) map.cells.push_back({slice});
    } else {
        map = map_of_sites(sites, axes, config, pairs, positions);
    }
    if (layer_window > 1) widen_layers(map, layer_window, config.n_layers);
    if (position_window > 1) widen_positions(map.layout, position_window, pairs);
    return map;
}

}  // namespace microtome
