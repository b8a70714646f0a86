#include "hooks/store/store_writer.h"

#include <algorithm>
#include <type_traits>

#include "core/base/error.h"
#include "hooks/store/store_files.h"
#include "hooks/store/store_layout.h"
#include "hooks/store/store_reader.h"

namespace microtome {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point time) {
    return std::chrono::duration<double>(Clock::now() - time).count();
}

}  // namespace

StoreWriter::StoreWriter(std::filesystem::path file, StoreIdentity identity, std::vector<StoreSite> sites, Options options)
    : file_(std::move(file)),
      part_(file_),
      identity_(std::move(identity)),
      sites_(std::move(sites)),
      flush_every_(options.flush_every),
      ends_(1) {
    part_ += ".part";
    const bool part = std::filesystem::exists(part_), whole = std::filesystem::exists(file_);
    if (part && whole)
        throw Error(file_.string(), "either this store or its running part", "both: remove one of them, or give another name");
    if (!options.resume && (part || whole))
        throw Error((part ? part_ : file_).string(), "a new store (or resuming, which continues this one)", "an existing file");
    if (!part && !whole) write_empty_store(part_, identity_, sites_, options.plan, options.deflate);
    if (part || whole) {
        const StoreReader reader(whole ? file_ : part_);
        check_same_run(reader, identity_, sites_);
        done_ = reader.prompts();
        if (!options.stops.empty()) {
            const auto after = std::upper_bound(options.stops.begin(), options.stops.end(), done_);
            if (done_ <= options.stops.back()) done_ = after == options.stops.begin() ? 0 : *std::prev(after);
        }
        ends_.front() = {reader.offsets()[done_], reader.offsets2()[done_]};
    }
    finished_ = whole;
    if (!whole) open();
}

StoreWriter::~StoreWriter() = default;

void StoreWriter::open() {
    if (finished_) rename_new(file_, part_);
    finished_ = false;
    guarded([&] {
        h5_.emplace(part_, h5::Mode::read_write);
        h5_->set_careful(true);
        prompts_.emplace(*h5_, identity_);
        for (const StoreSite& site : sites_)
            columns_.emplace_back(site, h5_->group(site.gradient ? gradients_path : activations_path).dataset(site.name));
        truncate();
    });
}

// What was written after the last prompt that counts is cut off.
void StoreWriter::truncate() {
    prompts_->truncate(done_, ends_.front());
    for (StoreColumn& column : columns_) column.truncate(column.pairs() ? ends_.front().pairs : ends_.front().tokens);
    h5_->flush();
    // From here on rows follow those that count, and overwrite none; but compressed chunks move when their size changes.
    deflated_ = std::any_of(columns_.begin(), columns_.end(), [](const StoreColumn& column) { return column.deflated(); });
    h5_->set_careful(deflated_);
}

// Runs writes; after one that failed nothing more reaches the disk: it stays as a kill would have left it.
template <class F>
void StoreWriter::guarded(F&& writes) {
    try {
        writes();
    } catch (...) {
        if (h5_) h5_->abandon();
        failed_ = true;
        throw;
    }
}

void StoreWriter::check_open() {
    if (failed_) throw Error(part_.string(), "a store that can be written", "one whose writing failed before");
    if (finished_) open();
}

void StoreWriter::check_prompts(std::span<const StorePrompt> prompts) const {
    if (done_ > 0) check_same_prompts(h5_ ? *h5_ : h5::File(file_), identity_, prompts, done_);
}

void StoreWriter::add_prompts(std::span<const StorePrompt> prompts) {
    if (prompts.empty()) return;
    check_open();
    std::vector<StoreEnd> ends;
    StoreEnd end = ends_.back();
    for (const StorePrompt& prompt : prompts) {
        prompts_->check(prompt, part_.string());
        const std::uint64_t length = prompt.ids.size();
        end = {end.tokens + length, end.pairs + length * length};
        ends.push_back(end);
    }
    guarded([&] { prompts_->append(*h5_, prompts, ends, deflated_); });
    ends_.insert(ends_.end(), ends.begin(), ends.end());
}

template <class T>
void StoreWriter::append_rows(std::size_t site, const T* rows, std::uint64_t count) {
    check_open();
    StoreColumn& column = columns_.at(site);
    const std::uint64_t announced = column.pairs() ? ends_.back().pairs : ends_.back().tokens;
    if (std::is_same_v<T, Half> && sites_[site].type != h5::Type::float16)
        throw Error(part_.string() + ": " + column.key(), "float values", "half values");
    if (count > announced - column.rows())
        throw Error(part_.string() + ": " + column.key(), std::to_string(announced) + " rows, as the prompts say",
                    std::to_string(column.rows() + count));
    guarded([&] { column.append(rows, count); });
}

void StoreWriter::append(std::size_t site, const float* rows, std::uint64_t count) {
    append_rows(site, rows, count);
}
void StoreWriter::append(std::size_t site, const double* rows, std::uint64_t count) {
    append_rows(site, rows, count);
}
void StoreWriter::append(std::size_t site, const Half* rows, std::uint64_t count) {
    append_rows(site, rows, count);
}

void StoreWriter::check_complete() const {
    for (const StoreColumn& column : columns_) {
        const std::uint64_t announced = column.pairs() ? ends_.back().pairs : ends_.back().tokens;
        if (column.rows() != announced)
            throw Error(part_.string() + ": " + column.key(), std::to_string(announced) + " rows, as the prompts say",
                        std::to_string(column.rows()));
    }
}

void StoreWriter::batch_done() {
    if (seconds_since(flushed_) < flush_every_) return check_complete();
    flush_done();
}

void StoreWriter::flush_done() {
    flush_rows(false);
}

// Rows first; then one commit makes them, the index and prompts_done count together. Compressed rows wait until their chunk is full, but
// not for ever: few tokens of long prompts may take minutes to fill one.
void StoreWriter::flush_rows(bool tail) {
    check_complete();
    if (finished_) return;
    check_open();
    guarded([&] {
        if (seconds_since(advanced_) >= 10 * flush_every_) tail = true;
        for (StoreColumn& column : columns_) column.flush(tail);
        std::size_t ready = ends_.size() - 1;
        for (const StoreColumn& column : columns_)
            while (ready > 0 && (column.pairs() ? ends_[ready].pairs : ends_[ready].tokens) > column.written()) --ready;
        done_ += ready;
        if (ready > 0) advanced_ = Clock::now();
        ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(ready));
        h5_->set_integer("prompts_done", static_cast<std::int64_t>(done_));
        h5_->flush();
    });
    flushed_ = Clock::now();
}

void StoreWriter::finish() {
    if (finished_) return;
    flush_rows(true);
    guarded([&] { h5_->close(); });
    prompts_.reset();
    columns_.clear();
    h5_.reset();
    rename_new(part_, file_);
    finished_ = true;
}

}  // namespace microtome
