#include "hooks/edits.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <string_view>

#include "core/base/error.h"

namespace microtome {
namespace {

// Axis of heads and of positions in a site's tensor, batch first; -1: none.
int head_axis(Site site) {
    std::string_view axes = info(site).axes;
    auto at = axes.find_first_of("hk");
    return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

int position_axis(Site site) {
    std::string_view axes = info(site).axes;
    auto at = axes.find('p');
    if (at == std::string_view::npos) at = axes.find('s');
    return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

// A boolean mask that broadcasts over x: true where the edit applies.
Tensor where_of(const Edit& edit, const Tensor& x) {
    Tensor where = at::ones(std::vector<std::int64_t>(static_cast<std::size_t>(x.dim()), 1), x.options().dtype(at::kBool));
    auto restrict_to = [&](const std::vector<std::int64_t>& wanted, int axis, const char* what) {
        if (wanted.empty()) return;
        if (axis < 0) throw Error(edit.name + " on " + hook_name(edit.ref), std::string("a site with ") + what, info(edit.ref.site).axes);
        std::int64_t n = x.size(axis);
        Tensor line = at::zeros({n}, x.options().dtype(at::kBool));
        for (std::int64_t i : wanted) {
            std::int64_t at = i < 0 ? i + n : i;
            if (at < 0 || at >= n)
                throw Error(edit.name + " on " + hook_name(edit.ref), std::string(what) + " from 0 to " + std::to_string(n - 1),
                            std::to_string(i));
            line[at] = true;
        }
        std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
        shape[static_cast<std::size_t>(axis)] = n;
        where = where.logical_and(line.view(shape));
    };
    restrict_to(edit.heads, head_axis(edit.ref.site), "heads");
    restrict_to(edit.positions, position_axis(edit.ref.site), "positions");
    return where;
}

Tensor replacement(const Edit& edit, const Tensor& x) {
    switch (edit.kind) {
        case EditKind::zero:
            return at::zeros_like(x);
        case EditKind::scale:
            return x * edit.strength;
        case EditKind::noise: {
            // The same noise for every row of a batch: a prompt's result does not depend on what else is in it.
            auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(edit.seed));
            auto shape = x.sizes().vec();
            shape[0] = 1;
            Tensor noise = at::normal(0.0, 1.0, shape, generator, at::TensorOptions().dtype(at::kFloat)).to(x.options());
            auto rest = std::vector<std::int64_t>();
            for (std::int64_t d = 1; d < x.dim(); ++d) rest.push_back(d);
            return x + noise * x.std(rest, /*unbiased=*/false, /*keepdim=*/true) * edit.strength;
        }
    }
    return x;
}

}  // namespace

Edits::Edits(std::vector<Edit> edits, const ModelConfig& config) : edits_(std::move(edits)), fired_(edits_.size(), 0) {
    for (const Edit& edit : edits_) {
        bool there =
            has_site(config, edit.ref.site) && (!per_layer(edit.ref.site) || (edit.ref.layer >= 0 && edit.ref.layer < config.n_layers));
        if (!there) throw Error(edit.name, "a site that this model has", hook_name(edit.ref));
    }
}

bool Edits::wants(SiteRef ref) const {
    for (const Edit& edit : edits_)
        if (edit.ref == ref) return true;
    return false;
}

Tensor Edits::see(SiteRef ref, Tensor x) {
    for (std::size_t i = 0; i < edits_.size(); ++i) {
        if (!(edits_[i].ref == ref)) continue;
        x = at::where(where_of(edits_[i], x), replacement(edits_[i], x), x);
        ++fired_[i];
    }
    return x;
}

void Edits::check_fired() const {
    for (std::size_t i = 0; i < edits_.size(); ++i)
        if (fired_[i] == 0)
            throw Error(edits_[i].name, "an intervention that a run reaches", hook_name(edits_[i].ref) + " was never reached");
}

}  // namespace microtome
