// What interventions take their values from: prompts by id, prompt files, vectors.
#pragma once

#include "analyses/files/source.h"
#include "analyses/session_impl.h"

namespace microtome {

/// A prompt that a source can name.
struct NamedPrompt {
    std::string id;  // its own, or its number from 1
    std::vector<std::int64_t> clean, corrupt;
    std::map<std::string, Span> spans;
};

class Sources {
  public:
    explicit Sources(const Session& session);

    const std::vector<NamedPrompt>& prompts() const { return prompts_; }
    std::vector<std::string> ids() const;
    /// The tokens of a term's prompt; an Error if it has no corrupted one.
    PromptTokens tokens(const SourceTerm& term, const std::string& subject) const;
    /// Of a list of ids, a prompt file, or (empty) all named prompts: their clean runs.
    std::vector<PromptTokens> list(const std::string& source, const std::string& subject) const;

    /// (d) or (heads, d): a file's vector, a prompt's activation, a token's unembedding, or the difference of two of these.
    Tensor direction(const std::string& source, SiteRef ref, const std::string& subject) const;
    Tensor direction(const SourceTerm& term, SiteRef ref, const std::string& subject) const;
    /// Mean of a site over prompts and positions, or at each position: (position, …).
    Tensor mean(const std::vector<PromptTokens>& prompts, SiteRef ref, bool by_position) const;

  private:
    Tensor activation(const std::vector<std::int64_t>& ids, SiteRef ref) const;  // (position, …)

    const Session& session_;
    std::vector<NamedPrompt> prompts_;
};

/// A file's numbers as float64: .safetensors#name, .h5#path (the name may be left out where there is one), .json.
Tensor read_vector(const std::string& source, const std::string& subject);

}  // namespace microtome
