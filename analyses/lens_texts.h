// Inside analyses: prompts as the texts that a tuned lens is trained on, and those held out.
#pragma once

#include "analyses/lens_training.h"
#include "core/train/lens_trainer.h"

namespace microtome {

struct LensTexts {
    TokenRows training, held_out;
};

/// Of the different prompts, the `held_out` share (at least one) with the smallest hashes is held out: equal prompts are on one side, and
/// neither order nor repetition matters. Then each is cut into pieces; one that begins with the model's BOS has it before every piece.
LensTexts lens_texts(const Session& session, const LensRequest& request);

}  // namespace microtome
