// Inside analyses/views: does a view hold together? Writers refuse one that does not, readers check what they read.
#pragma once

#include <string>

#include "analyses/views/result.h"

namespace microtome {

/// An Error if lengths disagree (values and axes, mask, sem, series, rows) or a name can't be one of a file.
void check_view(const NamedView& view);
void check_result(const Result& result);

}  // namespace microtome
