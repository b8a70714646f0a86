#include "analyses/cache.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "analyses/cache_plan.h"
#include "analyses/store_batch.h"
#include "core/base/error.h"
#include "core/kept_heap.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

// Causal attention never looks at the padding behind a prompt. At least two columns: a one-row product has other bits than a batched one.
Tensor padded_ids(const CachePlan& plan, std::size_t first, std::size_t last) {
    std::size_t longest = 2;
    for (std::size_t i = first; i < last; ++i) longest = std::max(longest, plan.ids[i].size());
    std::vector<std::vector<std::int64_t>> rows(plan.ids.begin() + static_cast<std::ptrdiff_t>(first),
                                                plan.ids.begin() + static_cast<std::ptrdiff_t>(last));
    for (auto& row : rows) row.resize(longest, 0);
    return ids_tensor(rows);
}

StoreBatch run_batch(const Session& session, const CachePlan& plan, std::size_t first, std::size_t last, Edits& edits) {
    const Transformer& model = session.impl().model;
    Recorder recorder(plan.refs);
    Chain chain({edits.empty() ? nullptr : &edits, &recorder});
    Tap tap(chain);
    Tensor ids = padded_ids(plan, first, last);
    EditRun run{ids, {}};
    for (std::size_t i = first; i < last; ++i) {
        run.prompts.push_back(i);
        run.lengths.push_back(static_cast<std::int64_t>(plan.ids[i].size()));
    }
    edits.enter(std::move(run));
    Tensor residual = model.residual(ids, tap);
    bool unembeds = std::any_of(plan.refs.begin(), plan.refs.end(), [](SiteRef ref) { return ref.site >= Site::ln_final_scale; });
    if (unembeds) model.logits(residual, tap);
    StoreBatch batch;
    batch.prompts.assign(plan.prompts.begin() + static_cast<std::ptrdiff_t>(first),
                         plan.prompts.begin() + static_cast<std::ptrdiff_t>(last));
    for (SiteRef ref : plan.refs) {
        batch.rows.emplace_back();
        for (std::size_t i = first; i < last; ++i)
            batch.rows.back().push_back(store_rows(recorder.at(ref), ref, static_cast<std::int64_t>(i - first),
                                                   static_cast<std::int64_t>(plan.ids[i].size()), plan.prompts[i].positions));
    }
    return batch;
}

}  // namespace

CacheEstimate estimate_cache(Session& session, const CacheRequest& request) {
    return plan_cache(session, request).estimate;
}

CacheEstimate write_cache(Session& session, const CacheRequest& request, Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    const KeptHeap heap;
    const CachePlan plan = plan_cache(session, request);
    Edits edits = edits_for(session, plan.tokens);
    const StoreWork work{
        session.impl().ranks, plan.sites, plan.batches, plan.prompts, plan.ids, edits, [&](std::size_t first, std::size_t last) {
            return run_batch(session, plan, first, last, edits);
        }};
    if (lend_batches(work)) return plan.estimate;
    if (request.compress == 0) check_room_for_store(request.out, plan.estimate.bytes);
    StoreIdentity identity = store_identity(session);
    identity.positions = request.positions;
    StoreWriter writer(request.out, identity, plan.sites,
                       {request.resume, request.compress, plan.sizes, stops_of(plan.batches), request.flush_every});
    writer.check_prompts(plan.prompts);
    write_batches(writer, work, progress);
    writer.finish();
    return plan.estimate;
}

}  // namespace microtome
