// The unpatched runs of a sweep: what its cells put in, where that differs from what is there, and the metric without any patch.
#pragma once

#include <map>
#include <vector>

#include "hooks/patching.h"

namespace microtome {

/// Pairs of one length that run together.
struct PatchGroup {
    std::vector<std::size_t> pairs;
    Tensor base, source;           // ids (pair, pos)
    std::map<int, Tensor> values;  // by site_key: what is put in (pair, …)
    std::map<int, Tensor> before;  // of the base run
    std::map<int, Tensor>
        changed;    // where they differ, bool on the CPU: (pair, pos), with heads (pair, pos, head); scores (pair, head, pos, pos)
    KvCache cache;  // of the base run
    bool both_cached = false;  // the source run's too: prompt pairs.size() + i is pair i's

    std::int64_t length() const { return base.size(1); }
};

int site_key(SiteRef ref);
/// Scores and pattern: (head, destination, source).
bool is_score(Site site);

/// Positions of the slice in a pair (an index into the group's) where what is put in differs from what is there, ascending.
std::vector<std::int64_t> changed_positions(const PatchSweep& sweep, const PatchGroup& group, const PatchSlice& slice, std::size_t pair);

/// The positions that PatchSlice::place or ::from stands for; nullptr: all.
const std::vector<std::int64_t>* positions_at(const PatchSweep& sweep, int place, std::size_t pair);

/// Cells with the same number may share a batch. A stream that is replaced for single heads is normed anew, without the sites of that norm,
/// for the whole batch (Block::read): so cells that patch there keep away from cells that patch those sites, and cells that do both from
/// all.
std::size_t batch_kind(const PatchSweep& sweep, std::size_t cell);

struct PatchRuns {
    std::vector<PatchGroup> groups;
    std::vector<Question> questions;  // by pair; with the clean run's logits where the metric reads them
    PatchOutcome outcome;             // values empty
};

/// Runs base and source of every pair. `also`: further sites of the base run to keep; `cache`: its keys and values too.
PatchRuns run_unpatched(const Transformer& model, const PatchSweep& sweep, const std::vector<SiteRef>& also = {}, bool cache = false);

}  // namespace microtome
