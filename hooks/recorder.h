// Reading activations: a tap that keeps what it sees, with gradients if asked.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/models/transformer.h"
#include "core/tap.h"

namespace microtome {

class Recorder : public SiteHandler {
  public:
    /// Keeps the given sites. With `gradients`, each kept activation joins the graph and has a gradient after `backward` of something
    /// later.
    explicit Recorder(std::vector<SiteRef> sites, bool gradients = false);

    bool wants(SiteRef ref) const override;
    Tensor see(SiteRef ref, Tensor x) override;

    /// The activation (batch first); an Error if the run did not reach it.
    const Tensor& at(SiteRef ref) const;
    Tensor gradient(SiteRef ref) const;
    /// In the order in which the run reached them.
    const std::vector<std::pair<SiteRef, Tensor>>& seen() const { return seen_; }

  private:
    std::vector<SiteRef> sites_;
    bool gradients_;
    std::vector<std::pair<SiteRef, Tensor>> seen_;
};

/// Several handlers on one tap, in order: each sees what the one before returned.
class Chain : public SiteHandler {
  public:
    explicit Chain(std::vector<SiteHandler*> handlers);
    bool wants(SiteRef ref) const override;
    Tensor see(SiteRef ref, Tensor x) override;

  private:
    std::vector<SiteHandler*> handlers_;
};

/// The model's sites whose hook name, or short name ("resid_post"), matches one of the patterns (* and ?); an Error for a pattern that
/// matches none.
std::vector<SiteRef> match_sites(const ModelConfig& config, const std::vector<std::string>& patterns);

}  // namespace microtome
