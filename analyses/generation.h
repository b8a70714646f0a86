// Continuing a prompt with a session's model: text as it comes, stop strings, interventions, activations of every step into a store.
#pragma once

#include <functional>

#include "analyses/session.h"
#include "core/base/progress.h"
#include "core/generate.h"

namespace microtome {

struct GenerationRequest {
    Prompt prompt;
    GenerateOptions options;         // stop_ids are added to the model's own end-of-text ids
    bool ignore_end = false;         // go on after an end-of-text token
    bool answer_alone = false;       // `on_text` does not see the prompt
    std::vector<std::string> stop;   // the text ends before any of these
    std::vector<std::string> sites;  // captured: hook names or patterns
    std::filesystem::path out;       // their store, NAME.h5
    std::string store = "float32";
};

struct Generation {
    std::vector<std::int64_t> prompt_ids, ids;
    std::string text, continuation;  // of both; of the new ids, without the stop string. Empty without a tokenizer
    std::string end;                 // length, end of text, stop string, context, cancelled
    double seconds = 0;
};

/// `on_text` sees the text piece by piece, the prompt first: whole characters, nothing that a stop string may still take back. The
/// session's interventions hold at every step: positions are the prompt's, and `all` is every new token too.
Generation generate_text(Session& session, const GenerationRequest& request, Progress& progress,
                         const std::function<void(std::string_view)>& on_text = {});

/// Ids of the model's end-of-text tokens (`eos_token_id` of its config.json or generation_config.json).
std::vector<std::int64_t> end_ids(const Session& session);

}  // namespace microtome
