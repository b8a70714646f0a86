// What a result tells beside a grid: how sure its cells are, and of how many pairs. Grids NAME_low and NAME_high (an interval) and NAME_n,
// of the same axes as NAME.
#pragma once

#include "analyses/views/result.h"

namespace microtome {

struct Companions {
    const Grid *low = nullptr, *high = nullptr, *n = nullptr;
    bool any() const { return low || n; }
};

/// Of the grid called `name`; they live in `views`. An interval has both ends, or it is none.
Companions companions_of(const std::vector<NamedView>& views, const std::string& name);

/// Is `view` a companion of another of `views`?
bool is_companion(const std::vector<NamedView>& views, const NamedView& view);

}  // namespace microtome
