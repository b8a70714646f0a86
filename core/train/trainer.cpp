#include "core/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <numbers>

#include "core/models/weights.h"
#include "core/train/adamw.h"
#include "core/worlds/rng.h"
#include "core/worlds/world.h"

namespace microtome {
namespace {

// GPT-2's initialisation: normal(0, std), what writes to the stream narrower by sqrt(2 layers), biases 0.
void initialise(Transformer& model, const TrainingPlan& plan) {
    auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(plan.seed));
    for (auto& [name, tensor] : model.parameters()) {
        if (tensor->dim() < 2) continue;
        bool writes = name.ends_with("attn.o.weight") || name.ends_with("mlp.out.weight");
        double std = plan.init_std / (writes ? std::sqrt(2.0 * model.config.n_layers) : 1.0);
        tensor->normal_(0, std, generator);
    }
    if (plan.position_std > 0 && model.W_pos.defined()) {
        std::int64_t half = model.config.d_model / 2;
        // NOTE: the slowest wave has the context's length times 2π, not 10000: every dimension tells neighbours apart.
        Tensor rate = at::pow(static_cast<double>(model.config.n_ctx), at::arange(half, at::kFloat) * (-1.0 / static_cast<double>(half)));
        Tensor angle = at::arange(model.config.n_ctx, at::kFloat).unsqueeze(1) * rate;
        model.W_pos.narrow(1, 0, half).copy_(angle.sin());
        model.W_pos.narrow(1, half, half).copy_(angle.cos());
        model.W_pos.mul_(plan.position_std * std::numbers::sqrt2);  // the sinusoids' root mean square becomes position_std
    }
    // A query and a key of equal biases, turned by their positions (rotary), agree most where the positions do: attention begins nearby,
    // and the head that reads the previous token, without which no copying is learned, is one step away.
    for (Block& block : model.blocks)
        if (plan.nearness > 0 && block.attn.q.bias.defined() && block.attn.n_kv_heads == block.attn.n_heads) {
            block.attn.q.bias.normal_(0, plan.nearness, generator);
            block.attn.k.bias.copy_(block.attn.q.bias);
        }
    if (model.config.tied) model.unembed.weight = model.W_E.t();
}

class Trainer {
  public:
    Trainer(const Recipe& recipe, int d_vocab, at::Device device) : recipe_(recipe), device_(device) {
        ModelConfig config = recipe.model;
        config.d_vocab = d_vocab;
        state_.model = make_transformer(config);
        initialise(state_.model, recipe.plan);
        for (auto& [name, tensor] : state_.model.parameters()) {
            *tensor = tensor->to(device);
            tensor->set_requires_grad(true);
            weights_.emplace_back(name, *tensor);
        }
        if (config.tied) state_.model.unembed.weight = state_.model.W_E.t();
    }

    void step(const std::vector<std::vector<std::int64_t>>& rows) {
        Tensor ids = ids_tensor(rows).to(device_);
        std::int64_t last = ids.size(1) - 1;
        Tensor logits = state_.model.forward(ids.narrow(1, 0, last));
        Tensor loss = at::cross_entropy_loss(logits.flatten(0, 1), ids.narrow(1, 1, last).reshape({-1}));
        for (TrainedWeight& w : weights_) w.weight.mutable_grad() = Tensor();
        loss.backward();
        double rate = learning_rate(), value = loss.item<double>();
        if (!std::isfinite(value))
            throw Error("training step " + std::to_string(state_.steps_done + 1), "a finite loss (lower the learning rate)",
                        std::to_string(value));
        descend(rate);
        ++state_.steps_done;
        state_.losses.push_back({state_.steps_done, value, rate});
    }

    void save(const std::filesystem::path& file) const;
    void load(const std::filesystem::path& file);
    Training& state() { return state_; }

  private:
    double learning_rate() const {
        const TrainingPlan& plan = recipe_.plan;
        int step = state_.steps_done + 1;
        if (step <= plan.warmup) return plan.learning_rate * step / plan.warmup;
        double share = static_cast<double>(step - plan.warmup) / std::max(1, plan.steps - plan.warmup);
        return plan.final_learning_rate + (plan.learning_rate - plan.final_learning_rate) * 0.5 * (1 + std::cos(std::numbers::pi * share));
    }

    void descend(double rate) {
        const TrainingPlan& plan = recipe_.plan;
        AdamW{plan.weight_decay, plan.beta1, plan.beta2, plan.clip}.step(weights_, state_.steps_done + 1, rate);
    }

    Recipe recipe_;
    at::Device device_;
    Training state_;
    std::vector<TrainedWeight> weights_;
};

void Trainer::save(const std::filesystem::path& file) const {
    TensorFile out;
    out.put(weights_);
    Tensor curve = at::empty({static_cast<std::int64_t>(state_.losses.size()), 3}, at::kDouble);
    auto* to = curve.mutable_data_ptr<double>();
    for (const LossPoint& p : state_.losses) *to++ = p.step, *to++ = p.loss, *to++ = p.learning_rate;
    out.put("losses", curve);
    out.write(file, {{"recipe_sha256", recipe_.sha256}, {"steps_done", std::to_string(state_.steps_done)}});
}

void Trainer::load(const std::filesystem::path& file) {
    auto checkpoint = std::make_shared<Checkpoint>(file);
    const auto& about = checkpoint->metadata();
    auto recipe = about.find("recipe_sha256");
    if (recipe == about.end() || recipe->second != recipe_.sha256)
        throw Error(file.string(), "a checkpoint of this recipe (or another --out)", "one of another recipe");
    Weights weights(checkpoint);
    take_back(weights, weights_);
    Tensor curve = weights.take("losses", checkpoint->at("losses").shape);
    const auto* from = curve.const_data_ptr<double>();
    for (std::int64_t i = 0; i < curve.size(0); ++i, from += 3) state_.losses.push_back({static_cast<int>(from[0]), from[1], from[2]});
    state_.steps_done = static_cast<int>(state_.losses.size());
}

}  // namespace

RowSource rows_of(const Recipe& recipe) {
    std::shared_ptr<World> world = make_world(recipe.world, static_cast<std::uint64_t>(recipe.world_seed));
    TrainingPlan plan = recipe.plan;
    return [world, plan](int step) {
        Rng rng(mix64(static_cast<std::uint64_t>(plan.seed) + 1) ^ mix64(static_cast<std::uint64_t>(step) + 0x5eed));
        std::vector<std::vector<std::int64_t>> rows;
        for (int i = 0; i < plan.batch; ++i) {
            bool warm = step < plan.warm_up_rows;
            std::vector<int> row = warm ? world->warm_up_row(rng, plan.length) : world->training_row(rng, plan.length);
            rows.emplace_back(row.begin(), row.end());
        }
        return rows;
    };
}

Training train(const Recipe& recipe, int d_vocab, const RowSource& rows, const std::filesystem::path& checkpoint, Progress& progress,
               const std::function<void(const Transformer&)>& on_checkpoint, at::Device device) {
    c10::AutoGradMode with_gradients(true);
    Trainer trainer(recipe, d_vocab, device);
    std::error_code ignored;
    if (!checkpoint.empty() && std::filesystem::exists(checkpoint, ignored)) trainer.load(checkpoint);
    Training& state = trainer.state();
    using Clock = std::chrono::steady_clock;
    auto saved = Clock::now();
    while (state.steps_done < recipe.plan.steps && !progress.stopped()) {
        trainer.step(rows(state.steps_done));
        progress.step(state.steps_done, recipe.plan.steps, "steps");
        bool due = Clock::now() - saved > std::chrono::seconds(recipe.plan.checkpoint_seconds);
        if (!checkpoint.empty() && due) {
            trainer.save(checkpoint);
            if (on_checkpoint) on_checkpoint(convert(state.model, at::kFloat, at::kCPU));
            saved = Clock::now();
        }
    }
    if (!checkpoint.empty()) trainer.save(checkpoint);
    for (auto& [name, tensor] : state.model.parameters()) *tensor = tensor->detach().cpu();
    if (state.model.config.tied) state.model.unembed.weight = state.model.W_E.t();
    return state;
}

}  // namespace microtome
