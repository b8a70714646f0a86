// Training a tuned lens for the session's model on texts, and how much better than the logit lens it reads held-out ones. Free of torch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "analyses/runner.h"

namespace microtome {

struct LensRequest {
    std::vector<Prompt> prompts;
    std::filesystem::path out;  // a folder: lens.safetensors, checkpoint.safetensors
    std::string at = "pre";     // pre: the stream that enters each layer (so it reads what leaves one too); mid: between attention and MLP
    int steps = 300, length = 0;  // texts are cut into pieces of at most `length` tokens; 0: as long as context and batch allow
    std::int64_t batch_tokens = 2048, seed = 0;
    double learning_rate = 1e-3, weight_decay = 0.01;
    double held_out = 0.1;  // share of the different prompts that is not trained on
    int checkpoint_seconds = 120;
    std::vector<std::string> command;  // as typed, for the manifest
};

/// Trains, goes on where an earlier call with the same request stopped, and writes the lens. Views `loss` and `held_out`. Throws Cancelled
/// when stopped, with a checkpoint.
RunRecord train_lens(Session& session, const LensRequest& request, Progress& progress);

/// Single prompts, or both prompts of each pair where the file has pairs.
std::vector<Prompt> read_texts(const std::filesystem::path& file);

}  // namespace microtome
