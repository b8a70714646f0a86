// What a tuned lens is trained on: streams of a batch, and how far the lens's distributions are from the model's.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/train/lens_trainer.h"

namespace microtome {
namespace {

class KeepStreams : public SiteHandler {
  public:
    explicit KeepStreams(Site site) : site_(site) {}
    bool wants(SiteRef ref) const override { return ref.site == site_; }
    Tensor see(SiteRef, Tensor x) override {
        seen.push_back(x);
        return x;
    }
    std::vector<Tensor> seen;  // in the order of the layers

  private:
    Site site_;
};

Tensor log_probabilities(const Transformer& model, const Tensor& stream) {
    Tensor logits = model.unembed(model.ln_final(stream));
    logits = logits.to(logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    const double cap = model.config.logit_cap;
    return at::log_softmax(cap > 0 ? at::tanh(logits / cap) * cap : logits, -1);
}

// So many tokens at once that a tensor of logits stays below 32 MB (in float32): a function of the model alone, as bits depend on it.
std::int64_t rows_at_once(const ModelConfig& config) {
    return std::max<std::int64_t>(16, (std::int64_t{1} << 23) / config.d_vocab);
}

// [first, last) of the texts in one batch: its longest text times their number is at most `batch_tokens`.
std::size_t end_of_batch(const TokenRows& texts, std::size_t first, std::int64_t batch_tokens) {
    std::size_t longest = 0, last = first;
    for (; last < texts.size(); ++last) {
        longest = std::max(longest, texts[last].size());
        if (last > first && static_cast<std::int64_t>(longest * (last - first + 1)) > batch_tokens) break;
    }
    return last;
}

}  // namespace

LensStreams lens_streams(const Transformer& model, const TokenRows& texts, Site site) {
    c10::AutoGradMode without_gradients(false);
    std::size_t longest = 2;  // a product of one row has other bits than one of several
    for (const auto& text : texts) longest = std::max(longest, text.size());
    TokenRows padded = texts;
    std::vector<std::int64_t> real;  // causal attention never looks at the padding behind a text
    for (std::size_t i = 0; i < texts.size(); ++i) {
        padded[i].resize(longest, 0);
        for (std::size_t p = 0; p < texts[i].size(); ++p) real.push_back(static_cast<std::int64_t>(i * longest + p));
    }
    KeepStreams keep(site);
    const Tensor last = model.residual(ids_tensor(padded), Tap(keep));
    const Tensor tokens = at::tensor(real, at::kLong).to(last.device());
    auto own = [&](const Tensor& x) { return x.flatten(0, 1).index_select(0, tokens); };
    LensStreams out{{}, own(last)};
    for (Tensor& x : keep.seen) {
        out.layers.push_back(own(x));
        x = Tensor();
    }
    return out;
}

std::vector<double> lens_kl(const Transformer& model, const TunedLens& lens, const LensStreams& streams, bool gradients) {
    const std::int64_t n = streams.last.size(0), chunks = (n + rows_at_once(model.config) - 1) / rows_at_once(model.config);
    std::vector<double> sums(streams.layers.size(), 0.0);
    for (std::int64_t c = 0; c < chunks; ++c) {
        const std::int64_t first = n * c / chunks, rows = n * (c + 1) / chunks - first;
        c10::AutoGradMode without_gradients(false);
        const Tensor own = log_probabilities(model, streams.last.narrow(0, first, rows)), p = own.exp();
        for (std::size_t l = 0; l < streams.layers.size(); ++l) {
            c10::AutoGradMode mode(gradients);
            const Tensor seen = log_probabilities(model, lens(l, streams.layers[l].narrow(0, first, rows)));
            const Tensor kl = (p * (own - seen)).sum(-1).sum(at::kDouble);
            if (gradients) (kl / static_cast<double>(n)).backward();
            sums[l] += kl.item<double>();
        }
    }
    if (model.pages) model.pages->leave_ends();
    for (double& sum : sums) sum /= static_cast<double>(n);
    return sums;
}

std::vector<double> lens_kl(const Transformer& model, const TunedLens& lens, const TokenRows& texts, std::int64_t batch_tokens,
                            Progress& progress) {
    std::vector<double> mean(lens.maps.size(), 0.0);
    std::int64_t tokens = 0;
    for (std::size_t first = 0, last = 0; first < texts.size(); first = last) {
        progress.check();
        last = end_of_batch(texts, first, batch_tokens);
        const TokenRows batch(texts.begin() + static_cast<std::ptrdiff_t>(first), texts.begin() + static_cast<std::ptrdiff_t>(last));
        const LensStreams streams = lens_streams(model, batch, lens.site);
        const std::vector<double> kl = lens_kl(model, lens, streams, false);
        const std::int64_t more = streams.last.size(0);
        for (std::size_t l = 0; l < mean.size(); ++l)
            mean[l] += (kl[l] - mean[l]) * static_cast<double>(more) / static_cast<double>(tokens + more);
        tokens += more;
        progress.step(static_cast<std::int64_t>(last), static_cast<std::int64_t>(texts.size()), "held-out texts");
    }
    return mean;
}

}  // namespace microtome
