// The tables of filters.
#pragma once

#include <map>

#include "core/text/jinja_value.h"

namespace microtome::jinja {

using Filter = Value (*)(Run&, const Value&, const Arguments&);
using Filters = std::map<std::string, Filter>;

/// Those that go through lists: sort, map, select, join, sum…
Filters list_filters();

}  // namespace microtome::jinja
