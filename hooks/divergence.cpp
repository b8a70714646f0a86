#include "hooks/divergence.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

#include "hooks/recorder.h"

namespace microtome {
namespace {

Tensor doubled(const Tensor& x) {
    return x.to(at::kCPU, at::kDouble);
}

double difference(const Tensor& a, const Tensor& b) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    if (a.sizes() != b.sizes()) return infinite;
    if (b.numel() == 0) return 0;
    Tensor finite = b.isfinite();
    if (!a.isfinite().equal(finite) || !at::masked_select(a, finite.logical_not()).equal(at::masked_select(b, finite.logical_not())))
        return infinite;
    Tensor expected = at::masked_fill(b, finite.logical_not(), 0);
    return ((at::masked_fill(a, finite.logical_not(), 0) - expected).abs().max() / (1 + expected.abs().max())).item<double>();
}

// Compares each site as the run passes it: one run is kept, not two.
class Comparer : public SiteHandler {
  public:
    Comparer(const Recorder& reference, std::vector<SiteRef> sites, Divergence& out)
        : reference_(reference), sites_(std::move(sites)), out_(out) {}
    bool wants(SiteRef ref) const override { return std::find(sites_.begin(), sites_.end(), ref) != sites_.end(); }
    Tensor see(SiteRef ref, Tensor x) override {
        out_.sites.push_back({ref, difference(doubled(x), doubled(reference_.at(ref)))});
        return x;
    }

  private:
    const Recorder& reference_;
    std::vector<SiteRef> sites_;
    Divergence& out_;
};

}  // namespace

const SiteDifference& Divergence::worst() const {
    return *std::max_element(sites.begin(), sites.end(), [](const auto& a, const auto& b) { return a.error < b.error; });
}

std::optional<SiteDifference> Divergence::first_above(double bound) const {
    auto found = std::find_if(sites.begin(), sites.end(), [&](const SiteDifference& s) { return !(s.error <= bound); });
    return found == sites.end() ? std::nullopt : std::optional(*found);
}

bool kept_by_processing(Site site) {
    switch (site) {
        case Site::ln1_scale:
        case Site::ln1_normalized:
        case Site::q:
        case Site::k:
        case Site::rot_q:
        case Site::rot_k:
        case Site::attn_scores:
        case Site::pattern:
        case Site::ln2_scale:
        case Site::ln2_normalized:
        case Site::mlp_pre:
        case Site::mlp_pre_linear:
        case Site::mlp_post:
        case Site::ln_final_scale:
        case Site::ln_final_normalized:
            return true;
        default:
            return false;
    }
}

double rounding_bound(at::ScalarType dtype) {
    switch (dtype) {
        case at::kDouble:
            return 1e-10;
        case at::kHalf:
            return 84 * 0x1p-10;
        case at::kBFloat16:
            return 84 * 0x1p-7;
        default:
            return 1e-5;
    }
}

Divergence compare_runs(const Transformer& reference, const Transformer& other, const Tensor& ids, bool processed) {
    c10::AutoGradMode without_gradients(false);
    std::vector<SiteRef> sites;
    for (SiteRef ref : all_sites(reference.config))
        if (!processed || kept_by_processing(ref.site)) sites.push_back(ref);
    Recorder recorder(sites);
    Tensor expected = at::log_softmax(doubled(reference.forward(ids, Tap(recorder))), -1);
    Divergence out;
    Comparer comparer(recorder, sites, out);
    Tensor got = at::log_softmax(doubled(other.forward(ids, Tap(comparer))), -1);
    out.logprobs = difference(got, expected);
    return out;
}

}  // namespace microtome
