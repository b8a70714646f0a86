// What a sweep puts in where it is not the source run's: zeros, means, values of other prompts.
#pragma once

#include <map>
#include <vector>

#include "hooks/sweep/patch_runs.h"

namespace microtome {

class Replacement {
  public:
    Replacement(const Transformer& model, const PatchSweep& sweep, std::vector<SiteRef> sites);

    /// Sets `group.values` of the sites, unless the source run has.
    void fill(PatchGroup& group, PatchOutcome& out);

  private:
    static void put(PatchGroup& group, SiteRef ref, Tensor values);
    std::map<int, Tensor> run(const std::vector<std::vector<std::int64_t>>& ids, PatchOutcome& out);
    void means(PatchGroup& group, PatchOutcome& out);
    void samples(PatchGroup& group, PatchOutcome& out);

    const Transformer& model_;
    const PatchSweep& sweep_;
    std::vector<SiteRef> sites_;
};

}  // namespace microtome
