// A recipe (JSON): everything that determines a training run, so that a bundled model can be made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/json.h"
#include "core/config.h"

namespace microtome {

struct TrainingPlan {
    int steps = 0, batch = 0, length = 0, warmup = 0;  // batch in rows of `length` tokens; warmup: of the learning rate
    int warm_up_rows = 0;                              // so many steps begin with the world's warm-up rows
    double learning_rate = 1e-3, final_learning_rate = 1e-4;          // linear warm-up, then cosine from the first to the second
    double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.98, clip = 1;  // AdamW (Loshchilov & Hutter 2019); decay on matrices alone
    double init_std = 0.02;
    double position_std = 0;  // above 0: W_pos starts as sinusoids (Vaswani et al. 2017) of this size, so that heads find neighbours sooner
    double nearness = 0;      // above 0: the biases of queries and keys start equal, normal(0, nearness), so that heads attend nearby
    std::int64_t seed = 0;
    int checkpoint_seconds = 120;
};

struct Recipe {
    std::string name, world;
    std::int64_t world_seed = 0;
    ModelConfig model;  // d_vocab is the world's
    TrainingPlan plan;
    std::string sha256;  // of the recipe's text
};

/// Errors name the JSON pointer.
Recipe read_recipe(const std::filesystem::path& file);

}  // namespace microtome
