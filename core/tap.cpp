#include "core/tap.h"

#include "core/base/error.h"

namespace microtome {

Tensor Tap::checked(Site site, Tensor x) const {
    SiteRef ref{site, per_layer_(site)};
    auto shape = x.sizes().vec();
    auto dtype = x.scalar_type();
    Tensor y = handler_->see(ref, std::move(x));
    if (y.sizes() != shape || y.scalar_type() != dtype)
        throw Error(hook_name(ref), "a replacement of shape " + shape_text(shape) + " and dtype " + dtype_name(dtype),
                    shape_text(y.sizes()) + ", " + dtype_name(y.scalar_type()));
    return y;
}

}  // namespace microtome
