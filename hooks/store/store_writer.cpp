#include "hooks/store/store_writer.h"

#include <algorithm>
#include <type_traits>

#include "core/base/error.h"
#include "hooks/store/store_files.h"
#include "hooks/store/store_layout.h"
#include "hooks/store/store_reader.h"

namespace microtome {
namespace {

constexpr auto flush_interval = std::chrono::seconds(2);

using Strings = std::vector<std::string>;

}  // namespace

StoreWriter::StoreWriter(std::filesystem::path file, StoreIdentity identity, std::vector<StoreSite> sites, Options options)
    : file_(std::move(file)), part_(file_), identity_(std::move(identity)), sites_(std::move(sites)), ends_(1) {
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

void StoreWriter::open_prompts() {
    texts_ = h5_->dataset(texts_path);
    ids_ = h5_->dataset(ids_path);
    offsets_ = h5_->dataset(offsets_path);
    offsets2_ = h5_->dataset(offsets2_path);
    if (identity_.positions != all_positions) positions_ = h5_->dataset(positions_path);
    if (!h5_->has(label_path)) return;
    labels_ = h5_->dataset(label_path);
    groups_ = h5_->dataset(group_path);
}

void StoreWriter::open() {
    if (finished_) rename_new(file_, part_);
    finished_ = false;
    guarded([&] {
        h5_.emplace(part_, h5::Mode::read_write);
        h5_->set_careful(true);
        open_prompts();
        for (const StoreSite& site : sites_)
            columns_.emplace_back(site, h5_->group(site.gradient ? gradients_path : activations_path).dataset(site.name));
        truncate();
    });
}

// What was written after the last prompt that counts is cut off.
void StoreWriter::truncate() {
    const auto cut = [](std::optional<h5::Dataset>& data, std::uint64_t rows) {
        if (data && data->rows() != rows) data->resize(rows);
    };
    cut(texts_, done_);
    cut(ids_, ends_.front().tokens);
    for (auto* data : {&labels_, &groups_}) cut(*data, done_);
    cut(positions_, ends_.front().tokens);
    cut(offsets_, done_ + 1);
    cut(offsets2_, done_ + 1);
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
    if (done_ == 0) return;
    const h5::File file = h5_ ? *h5_ : h5::File(file_);
    if (prompts.size() < done_)
        throw Error(file.subject(), "at most " + std::to_string(prompts.size()) + " prompts", std::to_string(done_));
    const Strings texts = file.dataset(texts_path).read_strings(0, done_);
    std::vector<std::int32_t> ids, positions;
    const h5::Dataset stored = file.dataset(ids_path);
    const bool chosen = identity_.positions != all_positions;
    const h5::Dataset kept = file.dataset(chosen ? positions_path : ids_path);
    std::vector<std::int64_t> offsets(done_ + 1);
    file.dataset(offsets_path).read_rows(0, done_ + 1, offsets.data());
    for (std::size_t i = 0; i < done_; ++i) {
        ids.resize(static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
        stored.read_rows(static_cast<std::uint64_t>(offsets[i]), ids.size(), ids.data());
        if (texts[i] != prompts[i].text || ids != prompts[i].ids)
            throw Error(file.subject() + ": prompt " + std::to_string(i), prompts[i].text,
                        texts[i] == prompts[i].text ? "other ids" : texts[i]);
        if (!chosen) continue;
        positions.resize(ids.size());
        kept.read_rows(static_cast<std::uint64_t>(offsets[i]), positions.size(), positions.data());
        if (positions != prompts[i].positions)
            throw Error(file.subject() + ": prompt " + std::to_string(i), "the positions that this run keeps", "others");
    }
}

void StoreWriter::check_prompt(const StorePrompt& prompt) const {
    for (const std::string* text : {&prompt.text, &prompt.label, &prompt.group})
        if (text->find('\0') != std::string::npos) throw Error(part_.string(), "prompts without NUL characters", *text);
    const std::size_t positions = identity_.positions == all_positions ? 0 : prompt.ids.size();
    if (prompt.positions.size() != positions)
        throw Error(part_.string(), std::to_string(positions) + " positions of " + prompt.text, std::to_string(prompt.positions.size()));
    if (!labels_ && !(prompt.label.empty() && prompt.group.empty()))
        throw Error(part_.string(), "prompts without labels and groups, as those that it was begun with", prompt.text);
}

void StoreWriter::add_prompts(std::span<const StorePrompt> prompts) {
    if (prompts.empty()) return;
    check_open();
    Strings texts, labels, groups;
    std::vector<std::int32_t> ids, positions;
    std::vector<std::int64_t> offsets, offsets2;
    std::vector<End> ends;
    End end = ends_.back();
    for (const StorePrompt& prompt : prompts) {
        check_prompt(prompt);
        const std::uint64_t length = prompt.ids.size();
        end = {end.tokens + length, end.pairs + length * length};
        ends.push_back(end);
        texts.push_back(prompt.text);
        labels.push_back(prompt.label);
        groups.push_back(prompt.group);
        positions.insert(positions.end(), prompt.positions.begin(), prompt.positions.end());
        ids.insert(ids.end(), prompt.ids.begin(), prompt.ids.end());
        offsets.push_back(static_cast<std::int64_t>(end.tokens));
        offsets2.push_back(static_cast<std::int64_t>(end.pairs));
    }
    guarded([&] {
        // HDF5 first frees the texts that it finds where new ones go: leftovers of a killed run there would name texts that are not its
        // own.
        h5_->set_careful(true);
        texts_->append_strings(texts);
        if (labels_) labels_->append_strings(labels);
        if (groups_) groups_->append_strings(groups);
        h5_->set_careful(deflated_);
        ids_->append(ids.size(), ids.data());
        if (positions_) positions_->append(positions.size(), positions.data());
        offsets_->append(offsets.size(), offsets.data());
        offsets2_->append(offsets2.size(), offsets2.data());
    });
    ends_.insert(ends_.end(), ends.begin(), ends.end());
}

template <class T>
void StoreWriter::append_rows(std::size_t site, const T* rows, std::uint64_t count) {
    check_open();
    StoreColumn& column = columns_.at(site);
    const std::uint64_t announced = column.pairs() ? ends_.back().pairs : ends_.back().tokens;
    if (std::is_same_v<T, Half> && sites_[site].type != h5::Type::float16)
        throw Error(part_.string() + ": " + column.name(), "float values", "half values");
    if (count > announced - column.rows())
        throw Error(part_.string() + ": " + column.name(), std::to_string(announced) + " rows, as the prompts say",
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
            throw Error(part_.string() + ": " + column.name(), std::to_string(announced) + " rows, as the prompts say",
                        std::to_string(column.rows()));
    }
}

void StoreWriter::batch_done() {
    if (std::chrono::steady_clock::now() - flushed_ < flush_interval) return check_complete();
    flush_done();
}

void StoreWriter::flush_done() {
    flush_rows(false);
}

// Rows first; then one commit makes them, the index and prompts_done count together.
void StoreWriter::flush_rows(bool tail) {
    check_complete();
    if (finished_) return;
    check_open();
    guarded([&] {
        for (StoreColumn& column : columns_) column.flush(tail);
        std::size_t ready = ends_.size() - 1;
        for (const StoreColumn& column : columns_)
            while (ready > 0 && (column.pairs() ? ends_[ready].pairs : ends_[ready].tokens) > column.written()) --ready;
        done_ += ready;
        ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(ready));
        h5_->set_integer("prompts_done", static_cast<std::int64_t>(done_));
        h5_->flush();
    });
    flushed_ = std::chrono::steady_clock::now();
}

void StoreWriter::finish() {
    if (finished_) return;
    flush_rows(true);
    guarded([&] { h5_->close(); });
    for (auto* data : {&texts_, &ids_, &offsets_, &offsets2_, &positions_, &labels_, &groups_}) data->reset();
    columns_.clear();
    h5_.reset();
    rename_new(part_, file_);
    finished_ = true;
}

}  // namespace microtome
