#include "analyses/patterns.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/worlds/rng.h"
#include "hooks/recorder.h"

namespace microtome {

HeadPatterns head_patterns(const Transformer& model, const Tensor& ids, SiteHandler* handler) {
    c10::AutoGradMode without_gradients(false);
    std::vector<SiteRef> sites;
    for (int l = 0; l < model.config.n_layers; ++l) {
        sites.push_back({Site::pattern, l});
        sites.push_back({Site::v, l});
    }
    Recorder recorder(sites);
    Chain chain({handler, &recorder});
    model.residual(ids, Tap(chain));
    std::vector<Tensor> patterns, values;
    for (int l = 0; l < model.config.n_layers; ++l) {
        patterns.push_back(recorder.at({Site::pattern, l}));
        values.push_back(recorder.at({Site::v, l}));
    }
    return {at::stack(patterns), at::stack(values)};
}

Tensor value_weighted(const Transformer& model, const HeadPatterns& seen, bool through_output) {
    std::int64_t group = model.config.n_heads / model.config.n_kv_heads;
    std::vector<Tensor> norms;
    for (int l = 0; l < model.config.n_layers; ++l) {
        Tensor v = seen.v[l].repeat_interleave(group, 2);  // (batch, source, head, d_head)
        if (through_output) {
            Tensor per_head =
                model.blocks[static_cast<std::size_t>(l)].attn.o.weight.unflatten(0, {model.config.n_heads, model.config.d_head});
            v = at::einsum("bshe,hem->bshm", {v, per_head});
        }
        norms.push_back(v.norm(2, -1).permute({0, 2, 1}).unsqueeze(2));  // (batch, head, 1, source)
    }
    return seen.pattern * at::stack(norms);
}

Tensor detector_matrix(Detector detector, const std::vector<std::int64_t>& ids) {
    auto n = static_cast<std::int64_t>(ids.size());
    Tensor matrix = at::zeros({n, n}, at::kDouble);
    auto at = matrix.accessor<double, 2>();
    for (std::int64_t d = 0; d < n; ++d)
        for (std::int64_t s = 0; s <= d; ++s) {
            auto same = [&](std::int64_t i) {
                return i >= 0 && i < d && ids[static_cast<std::size_t>(i)] == ids[static_cast<std::size_t>(d)];
            };
            bool one = detector == Detector::previous_token    ? s == d - 1
                       : detector == Detector::duplicate_token ? same(s)
                       : detector == Detector::induction       ? same(s - 1)
                       : detector == Detector::first_token     ? d > 0 && s == 0
                                                               : d > 0 && s == d;
            at[d][s] = one ? 1 : 0;
        }
    return matrix;
}

Tensor detector_score(const Tensor& pattern, const Tensor& matrix, bool exclude_first) {
    Tensor a = pattern.to(at::kCPU, at::kDouble);
    Tensor weight = at::ones_like(matrix);
    if (exclude_first) weight.select(1, 0).zero_();
    return (a * (matrix * weight)).sum({-2, -1}) / (a * weight).sum({-2, -1});
}

AttentionSpread attention_spread(const Tensor& pattern) {
    Tensor a = pattern.to(at::kCPU, at::kDouble);
    std::int64_t n = a.size(-1);
    Tensor most = at::arange(1, n + 1, a.options()).log(), entropy = -at::xlogy(a, a).sum(-1);
    if (n == 1) return {at::full_like(entropy.select(-1, 0), NAN), at::full_like(entropy.select(-1, 0), NAN)};
    return {entropy.narrow(-1, 1, n - 1).mean(-1), (entropy / most).narrow(-1, 1, n - 1).mean(-1)};
}

Tensor random_marks(const Tensor& matrix, std::int64_t first, Rng& rng) {
    Tensor marks = at::zeros_like(matrix);
    auto from = matrix.accessor<double, 2>();
    auto to = marks.accessor<double, 2>();
    for (std::int64_t d = 0; d < matrix.size(0); ++d) {
        std::vector<std::int64_t> sources;
        for (std::int64_t s = std::min(first, d); s <= d; ++s) sources.push_back(s);
        rng.shuffle(sources);
        std::size_t used = 0;
        for (std::int64_t s = 0; s <= d; ++s)
            if (from[d][s] != 0 && used < sources.size()) to[d][sources[used++]] = from[d][s];
    }
    return marks;
}

}  // namespace microtome
