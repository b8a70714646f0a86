// Path patching (Wang et al. 2022; Goldowsky-Dill et al. 2023) as three plain passes: what a sender does to the answer through the inputs
// of some receivers alone.
//   1  both prompts run, and what the base run's heads and MLPs put out is kept
//   2  the base runs with the sender's output from the source run; every other head is frozen to the base run, MLPs are made anew
//      (`through_mlps`) or frozen too; the receivers' inputs are kept
//   3  the base runs with those inputs alone replaced, nothing frozen
#pragma once

#include <functional>
#include <vector>

#include "core/base/progress.h"
#include "hooks/patching.h"

namespace microtome {

/// Senders: a head (Site::z), an MLP (Site::mlp_out), the token embedding (Site::embed). Receivers: a head's Site::q, or a key/value head's
/// Site::k or Site::v, an MLP (Site::mlp_in), or the end of the stream (Site::resid_post of the last layer).
struct PathNode {
    SiteRef ref{Site::z, 0};
    int head = -1;  // none: all of the site
    bool operator==(const PathNode&) const = default;
};

struct PathSweep {
    std::vector<PatchPair> pairs;
    std::vector<std::vector<PathNode>> senders;  // each a set that is patched at once
    std::vector<PathNode> receivers;             // all at once
    bool through_mlps = true;
    Metric metric = parse_metric("logit_diff");
    bool source_is_clean = false;
    Edits* always = nullptr;           // interventions that hold in every run; a pair is a prompt
    std::int64_t batch_tokens = 4096;  // rows × length of one forward pass, at most (but at least one row)
    Ranks* ranks = nullptr;            // other processes that run the same sweep
};

/// Is there a way from what `sender` puts out to the input of `receiver` that passes no other head?
bool reaches(const ModelConfig& config, const PathNode& sender, const PathNode& receiver);

/// The metric after pass 3: values[sender][pair], empty where it was stopped before. A sender that reaches no receiver has exactly the base
/// run's value. The effect is values − base.
PatchOutcome path_patch(const Transformer& model, const PathSweep& sweep, Progress& progress,
                        const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_senders = {});

}  // namespace microtome
