// Training of a tuned lens: at each layer, KL(the model's next-token distribution ‖ the lens's) over the tokens of texts. Deterministic,
// resumable, and never more than one batch of streams in memory.
#pragma once

#include <functional>

#include "core/base/progress.h"
#include "core/train/tuned_lens.h"

namespace microtome {

/// Texts as token ids.
using TokenRows = std::vector<std::vector<std::int64_t>>;

/// The streams of a batch at the texts' own tokens (padding left out), each (tokens, d_model).
struct LensStreams {
    std::vector<Tensor> layers;
    Tensor last;
};
LensStreams lens_streams(const Transformer& model, const TokenRows& texts, Site site);

/// KL(model ‖ lens) at each layer, nats, mean over the tokens. With `gradients`, each layer's is added to the gradients of its map.
std::vector<double> lens_kl(const Transformer& model, const TunedLens& lens, const LensStreams& streams, bool gradients);
/// The same over texts in their order, batch by batch.
std::vector<double> lens_kl(const Transformer& model, const TunedLens& lens, const TokenRows& texts, std::int64_t batch_tokens,
                            Progress& progress);

/// Batches without end: all texts in an order of their own each time around, at most `batch_tokens` tokens (padding included) at once, but
/// one text at least.
class TextBatches {
  public:
    TextBatches(const TokenRows& texts, std::int64_t batch_tokens, std::int64_t seed);
    TokenRows next();

  private:
    const TokenRows& texts_;
    std::int64_t batch_tokens_;
    std::uint64_t seed_, rounds_ = 0;
    std::vector<std::size_t> order_;
    std::size_t at_ = 0;
};

struct LensPlan {
    int steps = 300;
    std::int64_t batch_tokens = 2048, seed = 0;
    double learning_rate = 1e-3;  // warmed up over the first twentieth of the steps, then linear to 0
    double weight_decay = 0.01;   // of A, so towards the logit lens
    int checkpoint_seconds = 120;
};

struct LensLoss {
    int step;
    double learning_rate;
    std::vector<double> kl;  // by layer, before the step
};

struct LensTraining {
    TunedLens lens;
    std::vector<LensLoss> losses;
    int steps_done = 0;
};

/// Trains `start` until the plan's last step; what trainer.h says of checkpoints holds. `identity` stands for everything that determines
/// the training: a checkpoint of another one is an Error.
LensTraining train_lens(const Transformer& model, TunedLens start, const TokenRows& texts, const LensPlan& plan,
                        const std::string& identity, const std::filesystem::path& checkpoint, Progress& progress);

}  // namespace microtome
