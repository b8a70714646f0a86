// The axes of a site's tensor, as interventions name them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/sites.h"
#include "core/config.h"

namespace microtome {

/// Axis of heads, batch first; -1: none.
inline int head_axis(Site site) {
    auto at = std::string_view(info(site).axes).find_first_of("hk");
    return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

/// Axis of positions; of a pattern: of the destinations.
inline int position_axis(Site site) {
    std::string_view axes = info(site).axes;
    auto at = axes.find('p');
    if (at == std::string_view::npos) at = axes.find('s');
    return static_cast<int>(at) + 1;
}

/// Attention scores and patterns: destination × source.
inline bool pairs_positions(Site site) {
    return std::string_view(info(site).axes) == "hps";
}

/// The shape at one position: (d_model), (n_heads, d_head), …
inline std::vector<std::int64_t> vector_shape(Site site, const ModelConfig& c) {
    std::vector<std::int64_t> shape;
    for (char axis : std::string_view(info(site).axes)) {
        if (axis == 'h') shape.push_back(c.n_heads);
        if (axis == 'k') shape.push_back(c.n_kv_heads);
        if (axis == 'e') shape.push_back(c.d_head);
        if (axis == 'm') shape.push_back(c.d_model);
        if (axis == 'f') shape.push_back(c.d_mlp);
        if (axis == 'v') shape.push_back(c.d_vocab);
        if (axis == '1') shape.push_back(1);
    }
    return shape;
}

}  // namespace microtome
