// Inside analyses/query: the activations that an expression names, read block by block.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "analyses/query/query.h"

namespace microtome::query {

/// The token that an expression is asked about.
struct Place {
    std::uint64_t prompt = 0, row = 0;  // row of the prompt's stored tokens
    std::uint64_t token = 0;            // row of all stored tokens
    const StorePrompt* text = nullptr;
    std::uint64_t length = 0;  // stored tokens
    std::uint64_t position() const { return text->positions.empty() ? row : static_cast<std::uint64_t>(text->positions[row]); }
};

class Terms {
  public:
    explicit Terms(const StoreReader& store) : store_(store) {}
    /// Finds the site of an activation, checks head and index, numbers it. `values`: without an index it may be several numbers.
    void bind(Node& node, bool values);

    /// Tokens from `first` (of `last`) that are read together: 8 MB of each site at most, one token at least. Reads them.
    std::uint64_t load(std::uint64_t first, std::uint64_t last);
    /// The numbers of one activation at one token; NaN where it names a key that is not there.
    std::span<const double> at(const Node& node, const Place& place);

  private:
    struct Block {  // rows of one site
        const StoreSite* site = nullptr;
        std::uint64_t first = 0;
        std::vector<double> values;
    };
    struct Term {
        std::size_t block = 0, begin = 0, width = 0;  // numbers of a row that count
        std::vector<double> gathered;                 // of a pattern: over the keys
    };
    std::uint64_t pair_row(std::uint64_t token) const;
    std::uint64_t prompt_of(std::uint64_t token) const;

    const StoreReader& store_;
    std::vector<Block> blocks_;
    std::vector<Term> terms_;
};

}  // namespace microtome::query
