// The baseline beside each suite: what the last word alone tells about the next one.
#pragma once

#include <cstdint>
#include <vector>

#include "core/worlds/world.h"

namespace microtome {

class Bigram {
  public:
    explicit Bigram(std::size_t vocabulary) : size_(vocabulary), counts_(vocabulary * vocabulary) {}

    void add(const std::vector<int>& row);
    /// The most frequent next word, ties to the lower id.
    int best(int last) const;
    /// Share of `next` among the words after `last`; 0 where `last` was never seen.
    double probability(int last, int next) const;

  private:
    std::size_t size_;
    std::vector<std::uint32_t> counts_;  // (last, next)
};

/// Counted over `rows` training rows.
Bigram count_bigrams(const World& world, int rows, int length);
/// The suite's metric, for the bigram's prediction from each prompt's last word.
double bigram_score(const Bigram& bigram, const World& world, const Suite& suite);

}  // namespace microtome
