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
    std::string positions = "all";   // the tokens whose rows are kept (analyses/files/positions.h)
    int compress = 0;                // 0: not; 1 to 9: deflate
    bool resume = false;
    double flush_every = 2;            // seconds of work that a kill costs at most
    std::int64_t batch_tokens = 4096;  // tokens of one forward pass, padding included; bits depend on it
};

struct SiteEstimate {
    std::string name, shape;  // "(1234, 12, 64)"
    std::uint64_t bytes = 0;
};

struct CacheEstimate {
    std::uint64_t prompts = 0, tokens = 0, kept = 0, sites = 0, bytes = 0;  // tokens: run; kept: stored
    std::vector<SiteEstimate> by_site;
};

/// What the finished file will hold and take on disk, before compression.
CacheEstimate estimate_cache(Session& session, const CacheRequest& request);
/// Runs the prompts in order, batch by batch, and writes one batch while the next is computed; marks what is done on disk after each.
/// An Error if the disk has too little room (not judged where the store is compressed). Cancelled leaves NAME.h5.part, to be resumed.
CacheEstimate write_cache(Session& session, const CacheRequest& request, Progress& progress);

}  // namespace microtome
