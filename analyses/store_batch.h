// Inside analyses: the rows of a batch of prompts on their way to a store.
#pragma once

#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "analyses/session_impl.h"
#include "core/base/progress.h"
#include "core/base/ranks.h"
#include "core/base/sites.h"
#include "core/tensor.h"
#include "hooks/edits.h"
#include "hooks/store/store_writer.h"

namespace microtome {

/// Computed on one thread, written on another.
struct StoreBatch {
    std::vector<StorePrompt> prompts;
    std::vector<std::vector<Tensor>> rows;  // [column of the store][prompt]
};

/// Row `row` of a batch as the store has it: (token, …), or (query, key, head) for pairs; the first `length` positions, of these the given
/// ones (empty: all). On the CPU, float32 or float64, contiguous.
Tensor store_rows(const Tensor& x, SiteRef ref, std::int64_t row, std::int64_t length, const std::vector<std::int32_t>& positions = {});

/// What made a store, as far as this session knows it: model, processing, interventions.
StoreIdentity store_identity(const Session& session);

using Batches = std::vector<std::pair<std::size_t, std::size_t>>;  // [first, last) prompts
/// Numbers of prompts after which a resumed run can go on.
std::vector<std::uint64_t> stops_of(const Batches& batches);

/// What fills a store, batch by batch. Several processes make the batches by turns.
struct StoreWork {
    Ranks* ranks;
    const std::vector<StoreSite>& sites;
    const Batches& batches;
    const std::vector<StorePrompt>& prompts;            // as `make` has them, but for the metric's value
    const std::vector<std::vector<std::int64_t>>& ids;  // of all prompts, as they are run
    Edits& edits;
    std::function<StoreBatch(std::size_t first, std::size_t last)> make;
};

/// Another process than rank 0: makes those of its batches that the file does not have yet, for rank 0 to write. False at rank 0, and in
/// a process of its own.
bool lend_batches(const StoreWork& work);
/// Writes the batches that the file does not have yet, each while the next is made. An Error if an intervention did nothing. Cancelled
/// leaves what is finished, to be resumed.
void write_batches(StoreWriter& writer, const StoreWork& work, Progress& progress);

/// An Error unless the disk has room for a finished store of `bytes`, less what is there of it.
void check_room_for_store(const std::filesystem::path& out, std::uint64_t bytes);

}  // namespace microtome
