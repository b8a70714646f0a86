// Interventions on activations, ready to be applied: which slice of which site becomes what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/models/transformer.h"
#include "core/tap.h"

namespace microtome {

enum class EditKind { zero, scale, noise };

/// What an intervention does to one site. Negative positions count from the end.
struct Edit {
    std::string name;  // for messages
    EditKind kind = EditKind::zero;
    SiteRef ref{Site::resid_pre, 0};
    std::vector<std::int64_t> heads;      // empty: all
    std::vector<std::int64_t> positions;  // empty: all; of a pattern: destinations
    double strength = 1;                  // scale: factor; noise: standard deviations of the slice
    std::int64_t seed = 0;
};

/// Applies edits in order. `check_fired` is an Error for one that no run reached.
class Edits : public SiteHandler {
  public:
    Edits(std::vector<Edit> edits, const ModelConfig& config);
    bool wants(SiteRef ref) const override;
    Tensor see(SiteRef ref, Tensor x) override;
    void check_fired() const;
    bool empty() const { return edits_.empty(); }

  private:
    std::vector<Edit> edits_;
    std::vector<std::int64_t> fired_;
};

}  // namespace microtome
