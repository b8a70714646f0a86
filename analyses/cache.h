// Dumping activations: prompts × sites into an activation store, streaming and resumable. Free of torch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "analyses/session.h"
#include "core/base/progress.h"

namespace microtome {

struct CacheRequest {
    std::vector<Prompt> prompts;
    std::vector<std::string> sites;  // hook names or patterns
    std::filesystem::path out;       // NAME.h5
    std::string store = "float32";   // float16 float32 float64
    bool resume = false;
    std::int64_t batch_tokens = 4096;  // tokens of one forward pass, padding included; bits depend on it
};

struct CacheEstimate {
    std::uint64_t prompts = 0, tokens = 0, sites = 0, bytes = 0;
};

/// What the finished file will hold and take on disk.
CacheEstimate estimate_cache(Session& session, const CacheRequest& request);
/// Runs the prompts in order, batch by batch; marks what is done on disk after each. Cancelled leaves NAME.h5.part, to be resumed.
CacheEstimate write_cache(Session& session, const CacheRequest& request, Progress& progress);

}  // namespace microtome
