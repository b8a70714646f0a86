// One number a token and unit (a neuron, a dimension, a head) at one site, prompt by prompt: from the model, or from an activation store.
#pragma once

#include <memory>

#include "analyses/session_impl.h"

namespace microtome {

class UnitValues {
  public:
    virtual ~UnitValues() = default;
    virtual std::size_t prompts() const = 0;
    virtual std::vector<std::int64_t> ids(std::size_t prompt) const = 0;
    /// (token, unit) float64. Of a site with a vector a head: its norm; of patterns and scores: the largest over sources (but the first
    /// token's, if so asked).
    virtual Tensor values(std::size_t prompt) = 0;
    /// After the last one: an intervention that never fired is an Error.
    virtual void check() const {}
};

struct UnitChoice {
    SiteRef ref{Site::mlp_post, 0};
    bool exclude_first = false;
};

/// "neuron", "head", "dimension", "token": what a site's units are.
std::string unit_word(Site site);

std::unique_ptr<UnitValues> values_of_model(Session& session, const std::vector<Prompt>& prompts, UnitChoice choice);
/// An Error where the store is of another model, lacks the site or holds chosen tokens only.
std::unique_ptr<UnitValues> values_of_store(const Session& session, const std::string& file, UnitChoice choice);

/// The tokens [first, last) of a prompt as they read in the text, as far as there are any.
std::string window_text(const Session& session, const std::vector<std::int64_t>& ids, std::int64_t first, std::int64_t last);

}  // namespace microtome
