#include "analyses/cache.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <memory>

#include "analyses/cache_plan.h"
#include "core/base/error.h"
#include "core/base/worker.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"
#include "hooks/store/store_files.h"
#include "hooks/store/store_writer.h"

namespace microtome {
namespace {

// One prompt's kept rows, padding left out: (token, …), or (query, key, head) for pairs.
Tensor rows_of(const Tensor& x, SiteRef ref, std::int64_t row, std::int64_t length, const std::vector<std::int32_t>& positions) {
    Tensor one = x.select(0, row);
    const bool pairs = pairs_positions(ref.site);
    if (pairs) one = one.permute({1, 2, 0});
    one = one.narrow(0, 0, length);
    if (pairs) one = one.narrow(1, 0, length);
    if (!positions.empty()) {
        const Tensor kept = at::tensor(std::vector<std::int64_t>(positions.begin(), positions.end()), at::kLong).to(one.device());
        one = one.index_select(0, kept);
        if (pairs) one = one.index_select(1, kept);
    }
    return one.to(at::kCPU, x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).contiguous();
}

// Causal attention never looks at the padding behind a prompt. At least two columns: a one-row product has other bits than a batched one.
Tensor padded_ids(const CachePlan& plan, std::size_t first, std::size_t last) {
    std::size_t longest = 2;
    for (std::size_t i = first; i < last; ++i) longest = std::max(longest, plan.ids[i].size());
    std::vector<std::vector<std::int64_t>> rows(plan.ids.begin() + static_cast<std::ptrdiff_t>(first),
                                                plan.ids.begin() + static_cast<std::ptrdiff_t>(last));
    for (auto& row : rows) row.resize(longest, 0);
    return ids_tensor(rows);
}

// The rows of a batch on their way to the file.
struct Batch {
    std::size_t first = 0, last = 0;
    std::vector<std::vector<Tensor>> rows;  // [site][prompt]
};

Batch run_batch(const Session& session, const CachePlan& plan, std::size_t first, std::size_t last, Edits& edits) {
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
    Batch batch{first, last, {}};
    for (SiteRef ref : plan.refs) {
        batch.rows.emplace_back();
        for (std::size_t i = first; i < last; ++i)
            batch.rows.back().push_back(rows_of(recorder.at(ref), ref, static_cast<std::int64_t>(i - first),
                                                static_cast<std::int64_t>(plan.ids[i].size()), plan.prompts[i].positions));
    }
    return batch;
}

// On the writing thread: no call of torch that computes.
void write_batch(const Batch& batch, const CachePlan& plan, StoreWriter& writer) {
    writer.add_prompts(std::span(plan.prompts).subspan(batch.first, batch.last - batch.first));
    for (std::size_t s = 0; s < batch.rows.size(); ++s)
        for (const Tensor& rows : batch.rows[s]) {
            const auto width = static_cast<std::int64_t>(plan.sites[s].row_values());
            const auto count = static_cast<std::uint64_t>(rows.numel() / width);
            if (rows.scalar_type() == at::kDouble)
                writer.append(s, rows.const_data_ptr<double>(), count);
            else
                writer.append(s, rows.const_data_ptr<float>(), count);
        }
    writer.batch_done();
}

void check_room_for(const CacheRequest& request, const CachePlan& plan) {
    if (request.compress > 0) return;
    std::uint64_t there = 0;
    for (const char* end : {"", ".part"}) {
        std::error_code none;
        const auto size = std::filesystem::file_size(request.out.string() + end, none);
        if (!none) there += size;
    }
    if (plan.estimate.bytes > there) check_room(request.out, plan.estimate.bytes - there);
}

}  // namespace

CacheEstimate estimate_cache(Session& session, const CacheRequest& request) {
    return plan_cache(session, request).estimate;
}

CacheEstimate write_cache(Session& session, const CacheRequest& request, Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    const CachePlan plan = plan_cache(session, request);
    check_room_for(request, plan);
    const ModelFacts& f = session.facts();
    StoreIdentity identity{f.name, f.sha256, f.processing, f.dtype, session.impl().tokenizer_sha256, request.positions};
    std::vector<std::uint64_t> stops;
    for (const auto& batch : plan.batches) stops.push_back(batch.second);
    StoreWriter writer(request.out, identity, plan.sites, {request.resume, request.compress, plan.sizes, stops});
    writer.check_prompts(plan.prompts);
    Edits edits = edits_for(session, plan.tokens);
    const std::uint64_t done = writer.prompts_done();
    std::int64_t counted = 0;
    Worker writing;  // from here on the writer is its own, until wait()
    for (auto [first, last] : plan.batches) {
        for (std::size_t i = first; i < last; ++i) counted += static_cast<std::int64_t>(plan.ids[i].size());
        if (last <= done) continue;
        if (progress.stopped()) {
            writing.wait();
            writer.flush_done();
            throw Cancelled();
        }
        auto batch = std::make_shared<const Batch>(run_batch(session, plan, first, last, edits));
        writing.submit([batch = std::move(batch), &plan, &writer] { write_batch(*batch, plan, writer); });
        progress.step(counted, static_cast<std::int64_t>(plan.estimate.tokens), "tokens");
    }
    writing.wait();
    if (done < plan.prompts.size()) edits.check_fired();
    writer.finish();
    return plan.estimate;
}

}  // namespace microtome
