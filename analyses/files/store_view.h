// An activation store as it is browsed: what it holds, a prompt at a time, and two axes of a site as a grid. Free of torch and HDF5; every
// call reads the file, so keep it off the interface thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyses/views/result.h"

namespace microtome {

struct StoredSite {
    std::string key;                   // tells it apart: the name, or "gradients/" and the name
    std::string name;                  // "blocks.3.attn.hook_z"
    bool gradient = false;             // of the store's metric, by the activation of that name
    std::vector<std::string> symbols;  // of one row: {"n_heads", "d_head"}
    std::vector<std::uint64_t> shape;  // of one row: {12, 64}
    bool pairs = false;                // rows are (query, key) pairs of tokens, else tokens
    std::string type, unit;
    std::uint64_t rows = 0, bytes = 0;  // of all prompts
};

struct StoreFacts {
    std::string file, model, model_sha256, processing, dtype, tokenizer_sha256, tool_version;
    std::string metric, metric_run;  // what its gradients are of ("logit_diff"), and of which prompts ("corrupt"); empty: it has none
    bool running = false;            // a .part file: more may come
    std::uint64_t prompts = 0, tokens = 0;
    std::vector<StoredSite> sites;
};

struct StoredPrompt {
    std::string text;
    std::vector<std::int64_t> ids;
    std::optional<double> metric{};  // where there are gradients
};

/// A site's axes beyond the first (tokens, or queries) are numbered from 0: for pairs 0 is the key, then come those of a row.
struct SliceChoice {
    std::string site;  // its key
    std::size_t prompt = 0;
    std::size_t column_axis = 0;        // becomes the columns
    std::vector<std::uint64_t> fixed;   // the index at each axis; that of column_axis is ignored
    std::vector<std::string> tokens{};  // labels of the prompt's tokens; empty: their ids
};

/// Of the finite values; `other` counts the rest (scores hold −inf).
struct SliceStatistics {
    std::uint64_t count = 0, zeros = 0, other = 0;
    double min = 0, max = 0, mean = 0, std = 0;  // std: of the population; all NaN without finite values
};
SliceStatistics statistics_of(const std::vector<double>& values);

struct StoreSlice {
    Grid grid;
    SliceStatistics shown, whole;  // of the grid, and of the prompt at this site
};

class StoreView {
  public:
    /// An Error says in one line what is wrong with a damaged file.
    explicit StoreView(const std::filesystem::path& file);
    ~StoreView();
    StoreView(const StoreView&) = delete;
    StoreView& operator=(const StoreView&) = delete;

    const StoreFacts& facts() const { return facts_; }
    std::uint64_t length(std::uint64_t prompt) const;
    StoredPrompt prompt(std::uint64_t prompt) const;
    StoreSlice slice(const SliceChoice& choice) const;

  private:
    struct Reader;
    std::unique_ptr<Reader> reader_;
    StoreFacts facts_;
};

/// The axes of a site that a slice chooses from: "key", "n_heads", "d_head" with their sizes (the key's is the prompt's length).
std::vector<std::pair<std::string, std::uint64_t>> slice_axes(const StoredSite& site, std::uint64_t length);

}  // namespace microtome
