#include "core/generate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {

Tensor next_distribution(const Tensor& logits, const GenerateOptions& options) {
    Tensor x = logits.to(at::kCPU, at::kDouble).contiguous();
    if (options.temperature <= 0) {
        Tensor one = at::zeros_like(x);
        const auto* data = x.const_data_ptr<double>();
        const auto* best = std::max_element(data, data + x.numel());
        if (!std::isfinite(*best)) throw Error("logits", "finite numbers", "NaN or infinity");
        one.mutable_data_ptr<double>()[best - data] = 1;
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

namespace {

void check(const GenerateOptions& options, const Transformer& model, std::size_t length) {
    if (options.max_new_tokens < 0) throw Error("max-new-tokens", "a number ≥ 0", std::to_string(options.max_new_tokens));
    if (!(options.top_p > 0 && options.top_p <= 1)) throw Error("top-p", "a number above 0, at most 1", std::to_string(options.top_p));
    if (!(options.temperature >= 0)) throw Error("temperature", "a number ≥ 0", std::to_string(options.temperature));
    if (options.top_k < 0) throw Error("top-k", "a number ≥ 0 (0: all)", std::to_string(options.top_k));
    if (length == 0) throw Error("prompt", "at least one token", "none");
    if (static_cast<int>(length) > model.config.n_ctx)
        throw Error("prompt", "at most " + std::to_string(model.config.n_ctx) + " tokens (the model's context)", std::to_string(length));
}

// Runs the text in parts, or whole at each step.
class Stepper {
  public:
    Stepper(const Transformer& model, const GenerateOptions& options, const GenerateWatch& watch)
        : model_(model), cached_(options.use_cache), watch_(watch), tap_(watch.handler ? Tap(*watch.handler) : Tap()) {
        for (Site site : {Site::ln_final_scale, Site::ln_final_normalized, Site::unembed_in, Site::unembed_out})
            watched_ = watched_ || tap_.wants(site);
    }

    /// Logits (d_vocab) after the last of `more`, which follow what ran before.
    Tensor operator()(const std::vector<std::int64_t>& more) {
        text_.insert(text_.end(), more.begin(), more.end());
        const auto before = static_cast<std::int64_t>(text_.size() - more.size());
        // A text that outgrows its positions' stretch turns its cached keys anew.
        const bool anew = !cached_ || angles_differ(model_.config.rotary, before, static_cast<std::int64_t>(text_.size()));
        if (anew) cache_ = {};
        const std::int64_t offset = anew ? 0 : before;
        Tensor ids = ids_tensor({anew ? text_ : more});
        if (watch_.before) watch_.before(ids, offset);
        Tensor residual = model_.residual(ids, tap_, {offset, cached_ ? &cache_ : nullptr});
        std::int64_t last = residual.size(1) - 1;
        if (watched_) return model_.logits(residual, tap_).select(1, last).flatten();
        return model_.logits(residual.narrow(1, last, 1)).flatten();
    }

  private:
    const Transformer& model_;
    bool cached_, watched_ = false;
    const GenerateWatch& watch_;
    Tap tap_;
    KvCache cache_;
    std::vector<std::int64_t> text_;
};

// The id where the running sum of probabilities passes the draw.
std::int64_t draw_from(const Tensor& probabilities, Rng& rng) {
    const auto* data = probabilities.const_data_ptr<double>();
    double draw = static_cast<double>(rng.next() >> 11) * 0x1p-53, sum = 0;
    std::int64_t id = -1;
    for (std::int64_t k = 0; k < probabilities.numel(); ++k) {
        if (!(data[k] > 0)) continue;
        id = k;
        sum += data[k];
        if (draw < sum) break;
    }
    if (id < 0) throw Error("logits", "finite numbers", "NaN");
    return id;
}

}  // namespace

Generated generate(const Transformer& model, const std::vector<std::int64_t>& prompt, const GenerateOptions& options, Progress& progress,
                   const std::function<bool(std::int64_t)>& on_token, const GenerateWatch& watch) {
    c10::AutoGradMode without_gradients(false);
    check(options, model, prompt.size());
    Rng rng(mix64(static_cast<std::uint64_t>(options.seed) + 1));
    Stepper step(model, options, watch);
    Generated made;
    std::vector<std::int64_t> next = prompt;
    // One token more than the context holds can be told, but not run.
    std::int64_t room = model.config.n_ctx - static_cast<std::int64_t>(prompt.size()) + (options.run_last ? 0 : 1);
    for (int i = 0; i < options.max_new_tokens; ++i) {
        if (progress.stopped() || i >= room) {
            made.end = progress.stopped() ? GenerateEnd::cancelled : GenerateEnd::context;
            break;
        }
        std::int64_t id = draw_from(next_distribution(step(next), options), rng);
        next.clear();
        if (std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end()) {
            made.end = GenerateEnd::stop_id;
            break;
        }
        made.ids.push_back(id);
        next = {id};
        if (on_token && !on_token(id)) {
            made.end = GenerateEnd::told;
            break;
        }
    }
    if (options.run_last && !next.empty()) step(next);
    return made;
}

}  // namespace microtome
