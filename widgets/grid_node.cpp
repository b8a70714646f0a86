#include "widgets/grid_node.h"

#include <algorithm>
#include <charconv>

namespace microtome {
namespace {

/// Layers and heads may be a selection of all, so their label counts; positions are labelled with tokens, so their index does.
int number_of(const Axis& axis, std::size_t index) {
    const std::string& label = axis.labels[index];
    const std::size_t digits = label.find_first_of("0123456789");
    int value = static_cast<int>(index);
    if (digits == std::string::npos || digits > 1) return value;
    const auto [end, error] = std::from_chars(label.data() + digits, label.data() + label.size(), value);
    return error == std::errc() && end == label.data() + label.size() ? value : static_cast<int>(index);
}

int* field_of(NodeRef& ref, const std::string& axis) {
    if (axis == "position" || axis == "destination") return &ref.position;
    if (axis == "source") return &ref.source;
    if (axis == "layer") return &ref.layer;
    if (axis == "head") return &ref.head;
    if (axis == "neuron" || axis == "unit") return &ref.unit;
    if (axis == "feature") return &ref.feature;
    return nullptr;
}

bool labelled(const std::string& axis) {
    return axis == "layer" || axis == "head";
}

std::optional<std::size_t> index_of(const Axis& axis, NodeRef ref) {
    if (axis.name == "kind") {
        const auto found = std::find(axis.labels.begin(), axis.labels.end(), ref.site);
        return found == axis.labels.end() ? 0 : static_cast<std::size_t>(found - axis.labels.begin());
    }
    if (axis.name == "run") return axis.size() - 1;
    const int* field = field_of(ref, axis.name);
    if (!field || *field < 0) return {};
    for (std::size_t i = 0; i < axis.size(); ++i)
        if ((labelled(axis.name) ? number_of(axis, i) : static_cast<int>(i)) == *field) return i;
    return {};
}

}  // namespace

std::vector<std::size_t> coordinates(const Grid& grid, std::size_t flat) {
    std::vector<std::size_t> at(grid.axes.size());
    for (std::size_t a = grid.axes.size(); a-- > 0;) {
        at[a] = flat % grid.axes[a].size();
        flat /= grid.axes[a].size();
    }
    return at;
}

NodeRef node_of(const Grid& grid, std::size_t flat) {
    NodeRef ref;
    const std::vector<std::size_t> at = coordinates(grid, flat);
    for (std::size_t a = 0; a < at.size(); ++a) {
        const Axis& axis = grid.axes[a];
        if (axis.name == "kind")
            ref.site = axis.labels[at[a]];
        else if (int* field = field_of(ref, axis.name))
            *field = labelled(axis.name) ? number_of(axis, at[a]) : static_cast<int>(at[a]);
    }
    return ref;
}

std::optional<std::size_t> cell_of(const Grid& grid, const NodeRef& ref) {
    if (grid.size() == 0) return {};
    std::size_t flat = 0;
    for (const Axis& axis : grid.axes) {
        const auto index = index_of(axis, ref);
        if (!index) return {};
        flat = flat * axis.size() + *index;
    }
    return flat;
}

std::vector<std::size_t> cells_of(const Grid& grid, const NodeRef& ref) {
    const auto last = cell_of(grid, ref);
    if (!last) return {};
    std::size_t stride = 1;
    for (std::size_t a = grid.axes.size(); a-- > 0; stride *= grid.axes[a].size())
        if (grid.axes[a].name == "run") {
            std::vector<std::size_t> cells;
            for (std::size_t run = 0; run < grid.axes[a].size(); ++run) cells.push_back(*last - (grid.axes[a].size() - 1 - run) * stride);
            return cells;
        }
    return {*last};
}

std::string site_of_preset(const std::string& preset) {
    for (const char* part : {"q", "k", "v", "pattern"})
        if (preset.rfind("attn_head_" + std::string(part) + "_", 0) == 0) return part;
    if (preset.rfind("attn_head_", 0) == 0) return preset.find("every") == std::string::npos ? "z" : "";
    return preset.find("every") == std::string::npos ? preset : "";
}

}  // namespace microtome
