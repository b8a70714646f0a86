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

static Bytes packed(const StoreBatch& batch) {
    Packer packer;
    for (const StorePrompt& prompt : batch.prompts) packer.add(prompt.metric);
    for (const auto& site : batch.rows)
        for (const Tensor& rows : site) {
            const bool wide = rows.scalar_type() == at::kDouble;
            const auto n = static_cast<std::size_t>(rows.numel());
            packer.add(wide);
            if (wide)
                packer.add(std::span(rows.const_data_ptr<double>(), n));
            else
                packer.add(std::span(rows.const_data_ptr<float>(), n));
        }
    return packer.take();
}

static StoreBatch unpacked(const Bytes& bytes, const StoreWork& work, std::size_t first, std::size_t last) {
    Unpacker from(bytes);
    StoreBatch batch;
    for (std::size_t i = first; i < last; ++i) batch.prompts.push_back(work.prompts[i]);
    for (StorePrompt& prompt : batch.prompts) prompt.metric = from.value<double>();
    batch.rows.resize(work.sites.size());
    for (auto& site : batch.rows)
        while (site.size() < batch.prompts.size()) {
            Tensor rows;
            const auto place = [&](std::size_t n, at::ScalarType type) { rows = at::empty({static_cast<std::int64_t>(n)}, type); };
            if (from.value<bool>())
                from.values_to<double>([&](std::size_t n) { return place(n, at::kDouble), rows.mutable_data_ptr<double>(); });
            else
                from.values_to<float>([&](std::size_t n) { return place(n, at::kFloat), rows.mutable_data_ptr<float>(); });
            site.push_back(rows);
        }
    return batch;
}

bool lend_batches(const StoreWork& work) {
    if (!work.ranks || work.ranks->leader()) return false;
    Ranks& ranks = *work.ranks;
    Bytes told;
    ranks.share(told);
    const auto done = Unpacker(told).value<std::uint64_t>();
    Worker sending;  // from here on messages are its own, until wait()
    for (std::size_t b = 0; b < work.batches.size(); ++b) {
        const auto [first, last] = work.batches[b];
        if (last <= done || !ranks.mine(b)) continue;
        auto bytes = std::make_shared<Bytes>(packed(work.make(first, last)));
        sending.submit([bytes = std::move(bytes), &ranks] {
            ranks.give(std::move(*bytes));
            ranks.wait_until_taken();
        });
    }
    sending.wait();
    Packer packer;
    packer.add(work.edits.fired());
    ranks.give(packer.take());
    return true;
}

// Made here, or by the process whose turn it is. None: stopped.
static std::shared_ptr<const StoreBatch> next_batch(const StoreWork& work, std::size_t b, const Progress& progress) {
    const auto [first, last] = work.batches[b];
    if (progress.stopped()) return nullptr;
    if (!work.ranks || work.ranks->mine(b)) return std::make_shared<const StoreBatch>(work.make(first, last));
    const auto bytes = work.ranks->take(work.ranks->owner(b), progress.token());
    return bytes ? std::make_shared<const StoreBatch>(unpacked(*bytes, work, first, last)) : nullptr;
}

// What fires in another process's batches has fired.
static void check_fired(const StoreWork& work) {
    for (int from = 1; work.ranks && from < work.ranks->size(); ++from)
        work.edits.add_fired(Unpacker(*work.ranks->take(from, {})).values<std::int64_t>());
    work.edits.check_fired();
}

void write_batches(StoreWriter& writer, const StoreWork& work, Progress& progress) {
    const std::uint64_t done = writer.prompts_done();
    if (work.ranks) {
        Packer packer;
        packer.add(done);
        Bytes told = packer.take();
        work.ranks->share(told);
    }
    std::int64_t counted = 0, all = 0;
    for (const auto& one : work.ids) all += static_cast<std::int64_t>(one.size());
    Worker writing;  // from here on the writer is its own, until wait()
    for (std::size_t b = 0; b < work.batches.size(); ++b) {
        const auto [first, last] = work.batches[b];
        for (std::size_t i = first; i < last; ++i) counted += static_cast<std::int64_t>(work.ids[i].size());
        if (last <= done) continue;
        auto batch = next_batch(work, b, progress);
        if (!batch) {
            writing.wait();
            writer.flush_done();
            throw Cancelled();
        }
        writing.submit([batch = std::move(batch), &work, &writer] { write_batch(*batch, work.sites, writer); });
        progress.step(counted, all, "tokens");
    }
    writing.wait();
    if (done < work.prompts.size()) check_fired(work);
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
