// Goes on reading inside a JSON file where a pointer says one stands.
#pragma once

#include "core/base/json.h"

namespace microtome {

/// `pointer` as JsonReader::pointer writes it ("file.json#/model"), so that messages below show one pointer, not two.
inline JsonReader reader_at(const Json& value, const std::string& pointer) {
    const std::size_t mark = pointer.rfind("#/");
    if (mark == std::string::npos) return {value, pointer};
    return {value, pointer.substr(0, mark), pointer.substr(mark + 1)};
}

}  // namespace microtome
