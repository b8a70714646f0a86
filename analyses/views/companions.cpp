#include "analyses/views/companions.h"

#include <algorithm>

namespace microtome {
namespace {

const Grid* grid_called(const std::vector<NamedView>& views, const std::string& name) {
    for (const NamedView& view : views)
        if (view.name == name) return std::get_if<Grid>(&view.view);
    return nullptr;
}

bool same_axes(const Grid& a, const Grid& b) {
    return std::equal(a.axes.begin(), a.axes.end(), b.axes.begin(), b.axes.end(),
                      [](const Axis& x, const Axis& y) { return x.name == y.name && x.labels == y.labels; });
}

}  // namespace

Companions companions_of(const std::vector<NamedView>& views, const std::string& name) {
    const Grid* grid = grid_called(views, name);
    if (!grid) return {};
    auto beside = [&](const char* end) {
        const Grid* found = grid_called(views, name + end);
        return found && same_axes(*grid, *found) ? found : nullptr;
    };
    Companions found{beside("_low"), beside("_high"), beside("_n")};
    if (!found.low || !found.high) found.low = found.high = nullptr;
    return found;
}

bool is_companion(const std::vector<NamedView>& views, const NamedView& view) {
    const auto* grid = std::get_if<Grid>(&view.view);
    const std::size_t end = view.name.rfind('_');
    if (!grid || end == std::string::npos) return false;
    const Companions found = companions_of(views, view.name.substr(0, end));
    return grid == found.low || grid == found.high || grid == found.n;
}

}  // namespace microtome
