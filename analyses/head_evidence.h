// What tells the heads of a name-copying circuit apart (Wang et al. 2022), measured on prompts with the roles IO, S1, S2 and END.
#pragma once

#include <functional>
#include <vector>

#include "analyses/session_impl.h"
#include "core/base/progress.h"
#include "core/worlds/rng.h"

namespace microtome {

/// A prompt with its roles as positions, and the two names.
struct RolePrompt {
    std::vector<std::int64_t> ids;
    std::int64_t io = 0, s1 = 0, s2 = 0, end = 0;
    std::int64_t name = 0, other = 0;  // token ids of the answer and the foil
};

/// Reads roles and names; an Error names the pair and the role that is missing, or of more than one token.
RolePrompt role_prompt(const Session& session, const PromptPair& pair, const ResolvedPair& resolved);

/// Attention that is looked at: from a role to a role.
enum class Look { end_io, end_s1, end_s2, end_after_s2, s2_s1, s2_after_s1, after_s1_s1 };
inline constexpr int n_looks = 7;
extern const char* const look_names[n_looks];

/// Each (layer, head) float64, or with a leading axis: of looks, of draws.
struct HeadEvidence {
    Tensor attention, attention_null, attention_null_sd;     // (look, layer, head); null: the same queries at random sources
    Tensor direct, direct_sem, direct_null, direct_null_sd;  // logits; null: names of other prompts
    Tensor copy_rate, negative_copy_rate;                    // of the heads, and of their negatives
    double copy_null = 0, copy_null_sd = 0;                  // of random heads
    double logit_diff = 0;                                   // mean over the prompts
};

/// direct: centred z W_O / scale · (w ⊙ (W_U[name] − W_U[other])) at END with the run's own final norm (before a soft cap of the logits).
/// copy rate: share of names, at IO and S1, in the top 5 of unembed(ln_final(OV(stream after the first layer))).
HeadEvidence head_evidence(const Transformer& model, const std::vector<RolePrompt>& prompts, Edits* edits, int n_null, Rng& rng,
                           const Progress& progress);

}  // namespace microtome
