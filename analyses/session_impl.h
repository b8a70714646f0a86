// The inside of a Session, for the analyses.
#pragma once

#include <map>
#include <memory>

#include "analyses/session.h"
#include "core/models/transformer.h"
#include "core/text/tokenizer.h"
#include "hooks/edits.h"

namespace microtome {

class Ranks;

struct Session::Impl {
    ModelOptions options;
    ModelFacts facts;
    Transformer model;
    std::unique_ptr<Tokenizer> tokenizer;  // none: ids alone
    std::string tokenizer_sha256;
    std::vector<Intervention> interventions;
    std::vector<PromptPair> named;  // prompts that interventions can take values from
    Ranks* ranks = nullptr;         // other processes that do the same work
    int threads = 0;
    double load_seconds = 0;
    std::string device_note;
};

/// A pair as token ids. Errors name the pair's id and what is wrong: an answer that is not one token, clean and corrupted of unequal
/// length.
struct ResolvedPair {
    std::vector<std::int64_t> clean, corrupt, answers, foils;
};
ResolvedPair resolve(const Session& session, const PromptPair& pair, bool answer_needed, bool foil_needed);
/// "pair p1", for messages.
std::string pair_name(const PromptPair& pair);
/// The id of a text that is one token; `subject` begins an Error.
std::int64_t token_of(const Session& session, const std::string& text, const std::string& subject);
std::vector<std::int64_t> resolve(const Session& session, const Prompt& prompt);

/// A prompt as it goes into the model, with its roles.
struct PromptTokens {
    std::vector<std::int64_t> ids;
    std::map<std::string, Span> spans;
};
/// The session's interventions as edits of this model; positions resolved for these prompts.
Edits edits_for(const Session& session, const std::vector<PromptTokens>& prompts);

/// Axis labels: "0" … ; the pieces of a prompt.
std::vector<std::string> numbers(int n);
std::vector<std::string> pieces(const Session& session, const std::vector<std::int64_t>& ids);

}  // namespace microtome
