// Next-token training of a small transformer on a generated language: deterministic, resumable.
#pragma once

#include <functional>

#include "core/base/progress.h"
#include "core/models/transformer.h"
#include "core/train/recipe.h"

namespace microtome {

struct LossPoint {
    int step;
    double loss;  // nats a token, mean over the batch
    double learning_rate;
};

struct Training {
    Transformer model;
    std::vector<LossPoint> losses;
    int steps_done = 0;
};

/// Rows of token ids for a step: `batch` rows of `length` tokens.
using RowSource = std::function<std::vector<std::vector<std::int64_t>>(int step)>;

/// The recipe's world as a row source; each step has a random stream of its own, so a resumed run sees the same text.
RowSource rows_of(const Recipe& recipe);

/// Trains until the plan's last step. Checkpoints go to `checkpoint` (a file, written aside and renamed) every `checkpoint_seconds`; an
/// existing one of the same recipe is resumed, one of another recipe is an Error. Stops at a step's end when asked to, with a checkpoint.
/// `on_checkpoint` sees the model as it is then. The weights live on `device` while they are trained, the result on the CPU.
Training train(const Recipe& recipe, int d_vocab, const RowSource& rows, const std::filesystem::path& checkpoint, Progress& progress,
               const std::function<void(const Transformer&)>& on_checkpoint = {}, at::Device device = at::kCPU);

}  // namespace microtome
