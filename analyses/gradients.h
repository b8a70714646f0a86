// Backward caches: the gradient of a metric by each prompt's activations, stored beside these.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "analyses/session.h"
#include "core/base/progress.h"

namespace microtome {

struct GradientRequest {
    std::vector<PromptPair> pairs;
    bool corrupt = true;             // which of the two is run
    std::vector<std::string> sites;  // hook names or patterns
    std::filesystem::path out;       // NAME.h5
    std::string metric = "logit_diff", metric_expr;
    std::string store = "float32";
    int compress = 0;  // 0: not; 1 to 9: deflate
    bool resume = false;
    double flush_every = 2;            // seconds of work that a kill costs at most
    std::int64_t batch_tokens = 4096;  // tokens of one pass, at most (but at least one prompt); bits depend on it
};

struct GradientOutcome {
    std::uint64_t prompts = 0, tokens = 0, sites = 0;
    double metric = 0;  // mean over prompts
};

/// A prompt's gradient is that of its own metric, not of the mean. Memory holds two batches at a time: one is written while the next is
/// computed. Room on the disk, kills and Cancelled are as in write_cache; resuming asks for the same metric of the same pairs.
GradientOutcome write_gradients(Session& session, const GradientRequest& request, Progress& progress);

}  // namespace microtome
