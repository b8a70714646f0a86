#include "analyses/store_batch.h"

#include <ATen/ATen.h>

#include <memory>

#include "core/base/worker.h"
#include "hooks/edit_axes.h"
#include "hooks/store/store_files.h"

namespace microtome {

Tensor store_rows(const Tensor& x, SiteRef ref, std::int64_t row, std::int64_t length, const std::vector<std::int32_t>& positions) {
    Tensor one = x.detach().select(0, row);
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

StoreIdentity store_identity(const Session& session) {
    const ModelFacts& f = session.facts();
    StoreIdentity out{f.name, f.sha256, f.processing, f.dtype, session.impl().tokenizer_sha256};
    Json interventions = Json::array();
    for (const Intervention& one : session.impl().interventions) interventions.push_back(to_json(one));
    if (!interventions.empty()) out.interventions = interventions.dump();
    return out;
}

std::vector<std::uint64_t> stops_of(const Batches& batches) {
    std::vector<std::uint64_t> stops;
    for (const auto& batch : batches) stops.push_back(batch.second);
    return stops;
}

// On the writing thread: no call of torch that computes.
static void write_batch(const StoreBatch& batch, const std::vector<StoreSite>& sites, StoreWriter& writer) {
    writer.add_prompts(batch.prompts);
    for (std::size_t s = 0; s < batch.rows.size(); ++s)
        for (const Tensor& rows : batch.rows[s]) {
            const auto width = static_cast<std::int64_t>(sites[s].row_values());
            const auto count = static_cast<std::uint64_t>(rows.numel() / width);
            if (rows.scalar_type() == at::kDouble)
                writer.append(s, rows.const_data_ptr<double>(), count);
            else
                writer.append(s, rows.const_data_ptr<float>(), count);
        }
    writer.batch_done();
}

void write_batches(StoreWriter& writer, const std::vector<StoreSite>& sites, const Batches& batches,
                   const std::vector<std::vector<std::int64_t>>& ids, const std::function<StoreBatch(std::size_t, std::size_t)>& make,
                   Progress& progress) {
    const std::uint64_t done = writer.prompts_done();
    std::int64_t counted = 0, all = 0;
    for (const auto& one : ids) all += static_cast<std::int64_t>(one.size());
    Worker writing;  // from here on the writer is its own, until wait()
    for (auto [first, last] : batches) {
        for (std::size_t i = first; i < last; ++i) counted += static_cast<std::int64_t>(ids[i].size());
        if (last <= done) continue;
        if (progress.stopped()) {
            writing.wait();
            writer.flush_done();
            throw Cancelled();
        }
        auto batch = std::make_shared<const StoreBatch>(make(first, last));
        writing.submit([batch = std::move(batch), &sites, &writer] { write_batch(*batch, sites, writer); });
        progress.step(counted, all, "tokens");
    }
    writing.wait();
}

void check_room_for_store(const std::filesystem::path& out, std::uint64_t bytes) {
    std::uint64_t there = 0;
    for (const char* end : {"", ".part"}) {
        std::error_code none;
        const auto size = std::filesystem::file_size(out.string() + end, none);
        if (!none) there += size;
    }
    if (bytes > there) check_room(out, bytes - there);
}

}  // namespace microtome
