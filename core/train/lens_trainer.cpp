#include "core/train/lens_trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/train/adamw.h"
#include "core/worlds/rng.h"

namespace microtome {
namespace {

class LensTrainer {
  public:
    LensTrainer(const Transformer& model, TunedLens start, const LensPlan& plan, std::string identity)
        : model_(model), plan_(plan), identity_(std::move(identity)) {
        state_.lens = std::move(start);
        for (auto& [name, tensor] : state_.lens.parameters()) {
            *tensor = tensor->clone();  // the caller keeps its start
            tensor->set_requires_grad(true);
            weights_.emplace_back(name, *tensor);
        }
    }

    void step(const TokenRows& texts) {
        const int number = state_.steps_done + 1;
        for (TrainedWeight& w : weights_) w.weight.mutable_grad() = Tensor();
        std::vector<double> kl = lens_kl(model_, state_.lens, lens_streams(model_, texts, state_.lens.site), true);
        for (double x : kl)
            if (!std::isfinite(x))
                throw Error("training step " + std::to_string(number), "finite losses (lower the learning rate)", std::to_string(x));
        const double rate = learning_rate(number);
        optimiser().step(weights_, number, rate);
        state_.losses.push_back({number, rate, std::move(kl)});
        state_.steps_done = number;
    }

    void save(const std::filesystem::path& file) const;
    void load(const std::filesystem::path& file);
    LensTraining& state() { return state_; }

  private:
    AdamW optimiser() const {
        AdamW adamw;
        adamw.weight_decay = plan_.weight_decay;
        return adamw;
    }
    double learning_rate(int number) const {
        const int warmup = plan_.steps / 20;
        if (number <= warmup) return plan_.learning_rate * number / warmup;
        return plan_.learning_rate * (plan_.steps - number + 1) / (plan_.steps - warmup);
    }

    const Transformer& model_;
    LensPlan plan_;
    std::string identity_;
    LensTraining state_;
    std::vector<TrainedWeight> weights_;
};

void LensTrainer::save(const std::filesystem::path& file) const {
    TensorFile out;
    out.put(weights_);
    const auto layers = static_cast<std::int64_t>(state_.lens.maps.size());
    Tensor curve = at::empty({static_cast<std::int64_t>(state_.losses.size()), 1 + layers}, at::kDouble);
    auto* to = curve.mutable_data_ptr<double>();
    for (const LensLoss& loss : state_.losses) {
        *to++ = loss.learning_rate;
        to = std::copy(loss.kl.begin(), loss.kl.end(), to);
    }
    out.put("losses", curve);
    out.write(file, {{"format", "microtome-lens-checkpoint"}, {"training", identity_}, {"steps_done", std::to_string(state_.steps_done)}});
}

void LensTrainer::load(const std::filesystem::path& file) {
    auto checkpoint = std::make_shared<const Checkpoint>(file);
    const auto& about = checkpoint->metadata();
    const auto training = about.find("training");
    if (training == about.end() || training->second != identity_)
        throw Error(file.string(), "a checkpoint of this training (or another --out)", "one of other texts, options or weights");
    Weights weights(checkpoint);
    take_back(weights, weights_);
    const auto layers = static_cast<std::int64_t>(state_.lens.maps.size());
    const std::vector<std::int64_t>& shape = checkpoint->at("losses").shape;
    const Tensor curve = weights.take("losses", {shape.empty() ? 0 : shape[0], 1 + layers});
    if (curve.scalar_type() != at::kDouble || curve.size(0) > plan_.steps)
        throw Error(file.string() + ": tensor losses", "F64, a row for each of at most " + std::to_string(plan_.steps) + " steps",
                    dtype_name(curve.scalar_type()) + " " + shape_text(curve.sizes()));
    const auto* from = curve.const_data_ptr<double>();
    for (int i = 0; i < curve.size(0); ++i, from += 1 + layers) state_.losses.push_back({i + 1, from[0], {from + 1, from + 1 + layers}});
    state_.steps_done = static_cast<int>(state_.losses.size());
}

}  // namespace

TextBatches::TextBatches(const TokenRows& texts, std::int64_t batch_tokens, std::int64_t seed)
    : texts_(texts), batch_tokens_(batch_tokens), seed_(static_cast<std::uint64_t>(seed)), order_(texts.size()), at_(texts.size()) {}

TokenRows TextBatches::next() {
    TokenRows batch;
    std::size_t longest = 0;
    while (!texts_.empty()) {
        if (at_ == order_.size()) {
            if (!batch.empty()) break;  // a round's last batch may be smaller
            std::iota(order_.begin(), order_.end(), std::size_t{0});
            Rng rng(mix64(seed_ + 1) ^ mix64(++rounds_ + 0x1e45));
            rng.shuffle(order_);
            at_ = 0;
        }
        const auto& text = texts_[order_[at_]];
        longest = std::max(longest, text.size());
        if (!batch.empty() && static_cast<std::int64_t>(longest * (batch.size() + 1)) > batch_tokens_) break;
        batch.push_back(text);
        ++at_;
    }
    return batch;
}

LensTraining train_lens(const Transformer& model, TunedLens start, const TokenRows& texts, const LensPlan& plan,
                        const std::string& identity, const std::filesystem::path& checkpoint, Progress& progress) {
    LensTrainer trainer(model, std::move(start), plan, identity);
    std::error_code ignored;
    if (!checkpoint.empty() && std::filesystem::exists(checkpoint, ignored)) trainer.load(checkpoint);
    LensTraining& state = trainer.state();
    TextBatches batches(texts, plan.batch_tokens, plan.seed);
    for (int done = 0; done < state.steps_done; ++done) batches.next();
    using Clock = std::chrono::steady_clock;
    auto saved = Clock::now();
    while (state.steps_done < plan.steps && !progress.stopped()) {
        trainer.step(batches.next());
        progress.step(state.steps_done, plan.steps, "steps");
        if (checkpoint.empty() || Clock::now() - saved < std::chrono::seconds(plan.checkpoint_seconds)) continue;
        trainer.save(checkpoint);
        saved = Clock::now();
    }
    if (!checkpoint.empty()) trainer.save(checkpoint);
    for (auto& [name, tensor] : state.lens.parameters()) *tensor = tensor->detach();
    return state;
}

}  // namespace microtome
