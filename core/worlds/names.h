// First names, half of them female, and the ordered pairs that training never shows.
#pragma once

#include <utility>

#include "core/worlds/sentence.h"

namespace microtome {

class Names {
  public:
    explicit Names(std::uint64_t seed);

    const Words& female() const { return female_; }
    const Words& male() const { return male_; }
    const Words& all() const { return all_; }
    bool is_female(const std::string& name) const;
    const std::string& of(bool female, Rng& rng) const { return rng.pick(female ? female_ : male_); }
    /// `first` is mentioned before `second`.
    bool held_out(const std::string& first, const std::string& second) const;
    /// Two different names, in the order of their first mention.
    std::pair<std::string, std::string> pair(Rng& rng, Split split) const;

  private:
    std::uint64_t seed_;
    Words female_, male_, all_;
};

}  // namespace microtome
