// Inside analyses: what a cache run will do, batch by batch, and what its file will hold.
#pragma once

#include <cstdint>
#include <vector>

#include "analyses/cache.h"
#include "analyses/session_impl.h"
#include "analyses/store_batch.h"
#include "hooks/store/store.h"

namespace microtome {

struct CachePlan {
    std::vector<std::vector<std::int64_t>> ids;  // of the whole prompts, as they are run
    std::vector<StorePrompt> prompts;            // as they are stored
    std::vector<PromptTokens> tokens;            // for interventions, where there are some
    std::vector<SiteRef> refs;
    std::vector<StoreSite> sites;  // as refs
    StorePlan sizes;
    Batches batches;
    CacheEstimate estimate;
};

CachePlan plan_cache(Session& session, const CacheRequest& request);

/// A site as a store describes it.
StoreSite store_site(SiteRef ref, const ModelConfig& config, h5::Type type);

}  // namespace microtome
