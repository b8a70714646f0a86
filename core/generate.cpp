#include "core/generate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {

Tensor next_distribution(const Tensor& logits, const GenerateOptions& options) {
    Tensor x = logits.to(at::kCPU, at::kDouble);
    if (options.temperature <= 0) {
        Tensor one = at::zeros_like(x);
        const auto* data = x.const_data_ptr<double>();
        one[std::max_element(data, data + x.numel()) - data] = 1;
        return one;
    }
    x = x / options.temperature;
    if (options.top_k > 0 && options.top_k < x.numel()) {
        Tensor least = std::get<0>(x.topk(options.top_k)).min();
        x = x.masked_fill(x < least, -INFINITY);
    }
    Tensor p = at::softmax(x, 0);
    if (options.top_p >= 1) return p;
    auto [sorted, order] = p.sort(/*stable=*/true, 0, /*descending=*/true);
    // The smallest set whose probability reaches top_p: a token stays if what comes before it does not.
    Tensor keep = (sorted.cumsum(0) - sorted) < options.top_p;
    Tensor kept = at::zeros_like(p).scatter(0, order, sorted * keep.to(at::kDouble));
    return kept / kept.sum();
}

std::vector<std::int64_t> generate(const Transformer& model, const std::vector<std::int64_t>& prompt, const GenerateOptions& options,
                                   Progress& progress, const std::function<void(std::int64_t)>& on_token) {
    c10::AutoGradMode without_gradients(false);
    if (options.max_new_tokens < 0) throw Error("max-new-tokens", "a number ≥ 0", std::to_string(options.max_new_tokens));
    if (!(options.top_p > 0 && options.top_p <= 1)) throw Error("top-p", "a number above 0, at most 1", std::to_string(options.top_p));
    Rng rng(mix64(static_cast<std::uint64_t>(options.seed) + 1));
    KvCache cache;
    std::vector<std::int64_t> out, next = prompt;
    std::int64_t offset = 0, room = model.config.n_ctx - static_cast<std::int64_t>(prompt.size());
    for (int i = 0; i < options.max_new_tokens && i <= room; ++i) {
        if (progress.stopped()) break;
        // A text that outgrows its positions' stretch turns its cached keys anew.
        if (angles_differ(model.config.rotary, offset, offset + static_cast<std::int64_t>(next.size()))) {
            next = prompt;
            next.insert(next.end(), out.begin(), out.end());
            cache = {};
            offset = 0;
        }
        Tensor residual = model.residual(ids_tensor({next}), {}, {offset, &cache});
        offset += static_cast<std::int64_t>(next.size());
        Tensor p = next_distribution(model.logits(residual.narrow(1, residual.size(1) - 1, 1)).flatten(), options);
        const auto* data = p.const_data_ptr<double>();
        double draw = static_cast<double>(rng.next() >> 11) * 0x1p-53, sum = 0;
        std::int64_t id = -1;
        for (std::int64_t k = 0; k < p.numel(); ++k) {
            if (data[k] <= 0) continue;
            id = k;
            sum += data[k];
            if (draw < sum) break;
        }
        if (id < 0) throw Error("logits", "finite numbers", "NaN");
        if (std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end()) break;
        out.push_back(id);
        if (on_token) on_token(id);
        next = {id};
    }
    return out;
}

}  // namespace microtome
