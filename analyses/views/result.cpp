#include "analyses/views/result.h"

#include <array>

namespace microtome {

const char* kind_of(const View& view) {
    static constexpr std::array<const char*, 6> names{"scalar", "curve", "grid", "table", "graph", "token_text"};
    return names.at(view.index());
}

}  // namespace microtome
