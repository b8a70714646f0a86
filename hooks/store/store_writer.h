// Writing activation stores: append, mark what is done, continue after a kill.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hooks/store/h5.h"
#include "hooks/store/store.h"
#include "hooks/store/store_column.h"
#include "hooks/store/store_prompts.h"

namespace microtome {

/// Writes NAME.h5.part and renames it to NAME.h5 when finished. Killed at any moment, it continues where prompts_done stood.
/// After an Error from a write (disk full) the object only drops: what was done before stays on disk, to be resumed.
class StoreWriter {
  public:
    struct Options {
        bool resume = false;                 // continue NAME.h5.part, or NAME.h5, if there is one
        int deflate = 0;                     // 0: not compressed; 1 to 9: shuffle and deflate
        StorePlan plan;                      // sizes the chunks; may be left empty
        std::vector<std::uint64_t> stops{};  // numbers of prompts, rising: a resumed run goes on from one of them (empty: from anywhere)
        double flush_every = 2;              // seconds of work that a kill costs at most; compressed, ten times as many
    };
    /// An Error if a store of that name exists (without `resume`) or was made by another model, processing or with other sites.
    StoreWriter(std::filesystem::path file, StoreIdentity identity, std::vector<StoreSite> sites, Options options);
    ~StoreWriter();
    StoreWriter(const StoreWriter&) = delete;
    StoreWriter& operator=(const StoreWriter&) = delete;

    /// Prompts that the file holds already: leave them out of the run.
    std::uint64_t prompts_done() const { return done_; }
    /// After resuming: an Error unless the first prompts_done() of `prompts` are those of the file.
    void check_prompts(std::span<const StorePrompt> prompts) const;

    /// Announces the next prompts, whose rows then follow by `append`, site by site, in any portions.
    void add_prompts(std::span<const StorePrompt> prompts);
    /// `count` rows of site number `site` (index into the constructor's sites), contiguous. Half only into float16 sites.
    void append(std::size_t site, const float* rows, std::uint64_t count);
    void append(std::size_t site, const double* rows, std::uint64_t count);
    void append(std::size_t site, const Half* rows, std::uint64_t count);

    /// Every announced prompt has all its rows (else an Error): marks them done on disk, unless that was less than `flush_every` seconds
    /// ago.
    void batch_done();
    /// The same, now.
    void flush_done();
    /// flush_done, then the final name. Adding prompts afterwards makes the file a running one again.
    void finish();

  private:
    void open();
    void truncate();
    void check_open();  // opens a finished store again
    void check_complete() const;
    void flush_rows(bool tail);
    template <class T>
    void append_rows(std::size_t site, const T* rows, std::uint64_t count);
    template <class F>
    void guarded(F&& writes);

    std::filesystem::path file_, part_;
    StoreIdentity identity_;
    std::vector<StoreSite> sites_;
    double flush_every_;
    std::optional<h5::File> h5_;
    std::optional<PromptColumns> prompts_;
    std::vector<StoreColumn> columns_;
    std::uint64_t done_ = 0;
    std::vector<StoreEnd> ends_;  // rows up to prompt done_ + i
    bool finished_ = false;       // NAME.h5 is there: finished, or resumed and nothing was added yet
    bool failed_ = false, deflated_ = false;
    std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now(), advanced_ = flushed_;
};

}  // namespace microtome
