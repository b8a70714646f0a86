#pragma once

#include "app/commands/cli.h"

namespace microtome {

/// Writes the record's files (with --out), prints JSON (with --json) or the strongest cells of each view; throws Cancelled if the run was.
void finish_run(const RunRecord& record, const Common& common);

}  // namespace microtome
