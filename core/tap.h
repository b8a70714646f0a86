// A tap is a value that the tensors of a forward pass flow through. It sees a site's activation and returns it, or another in its place:
// reading, patching, ablating, steering and keeping gradients are one mechanism. It lives as long as the call; there is nothing to remove.
#pragma once

#include "core/base/sites.h"
#include "core/tensor.h"

namespace microtome {

/// What a tap does. `wants` is asked first, so that costly sites are made only on demand.
class SiteHandler {
  public:
    virtual ~SiteHandler() = default;
    virtual bool wants(SiteRef ref) const = 0;
    /// The activation (batch axis first, shape as in the site table), or one of the same shape and dtype to use instead.
    /// Returning the very same tensor means "unchanged".
    virtual Tensor see(SiteRef ref, Tensor x) = 0;
};

class Tap {
  public:
    Tap() = default;
    explicit Tap(SiteHandler& handler) : handler_(&handler) {}

    Tensor operator()(Site site, Tensor x) const { return wants(site) ? checked(site, std::move(x)) : x; }
    bool wants(Site site) const { return handler_ && handler_->wants({site, per_layer_(site)}); }
    /// The same tap inside layer `layer`.
    Tap at(int layer) const {
        Tap tap = *this;
        tap.layer_ = layer;
        return tap;
    }

  private:
    int per_layer_(Site site) const { return per_layer(site) ? layer_ : -1; }
    Tensor checked(Site site, Tensor x) const;

    SiteHandler* handler_ = nullptr;
    int layer_ = -1;
};

}  // namespace microtome
