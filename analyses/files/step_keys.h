// A step of a session holds its parameters flat, beside keys of its own; parameters of the same names lie in its object "params".
#pragma once

#include <string_view>

namespace microtome {

inline bool is_step_key(std::string_view key) {
    return key == "id" || key == "run" || key == "params" || key == "prompts" || key == "use";
}

}  // namespace microtome
