// Several processes, one piece of work: see core/base/ranks.h. Free of torch.
#pragma once

#include "analyses/session.h"
#include "core/base/ranks.h"

namespace microtome {

/// From now on the session's sweeps and dumps are shared with the other processes, all of which must run the same ones. `ranks` outlives
/// it; none: this process alone.
void share_work(Session& session, Ranks* ranks);

/// Does the analysis share its work? One that does not would be done by every process anew.
bool shares_work(const std::string& analysis);

/// For --threads 0: this process's part of the cores that it may use. `note`, at rank 0: what mpirun leaves unused, or empty.
int threads_of_rank(Ranks& ranks, std::string& note);

}  // namespace microtome
