// What the model makes of the prompts being edited: tokens, how they lie beside each other, and what is wrong with them.
#pragma once

#include <QString>
#include <vector>

#include "widgets/alignment.h"
#include "widgets/document.h"
#include "widgets/engine.h"

namespace microtome {

struct PromptProblem {
    PromptField field = PromptField::clean;
    bool blocks = false;  // a sweep can't run
    QString text;
};

struct PromptState {
    std::vector<Token> clean, corrupt;
    Alignment alignment;
    std::vector<PromptProblem> problems;
    bool bos_added = false;

    bool can_run() const;
    /// The first problem that blocks, or an empty text.
    QString refusal() const;
};

PromptState prompt_state(const OpenModel& model, const PromptPair& pair);

}  // namespace microtome
