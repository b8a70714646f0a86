// Grids that the tests of figures share.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "analyses/views/result.h"

namespace microtome {

inline std::vector<std::string> counted(std::size_t n) {
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < n; ++i) labels.push_back(std::to_string(i));
    return labels;
}

inline std::vector<std::string> sentence(std::size_t n) {
    static const std::vector<std::string> words{
        "<|endoftext|>", "When", " Mary", " and", " John", " went", " to", " the", " store", ",", " incomprehensibilities", "\n"};
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < n; ++i) labels.push_back(words[i % words.size()]);
    return labels;
}

inline Grid filled(std::vector<Axis> axes, std::string unit = "logit difference") {
    Grid grid{std::move(axes), {}, {}, {}, std::move(unit)};
    for (std::size_t i = 0; i < grid.size(); ++i) grid.values.push_back(std::sin(0.7 * static_cast<double>(i)) * 1.3);
    return grid;
}

inline Grid layers_by_positions(std::size_t layers = 4, std::size_t positions = 15) {
    return filled({{"layer", counted(layers)}, {"position", sentence(positions)}});
}

}  // namespace microtome
