// The manifest of a result: what was run on which model, with everything that `replay` needs.
#pragma once

#include "analyses/runner.h"

namespace microtome {

/// The request's parameters are complete. For whoever makes a result without an analysis of the catalog, too.
Json record_manifest(const Session& session, const Result& result, const RunRequest& request, double seconds);

}  // namespace microtome
