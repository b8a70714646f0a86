#include "core/worlds/names.h"

#include <algorithm>

namespace microtome {

Names::Names(std::uint64_t seed)
    : seed_(seed),
      female_(split_words("ann mary kate lucy emma sara julia nina olga rita clara helen diana laura susan alice")),
      male_(split_words("tom john paul peter james david simon oscar henry frank jack adam luke bruno felix victor")),
      all_(female_) {
    all_.insert(all_.end(), male_.begin(), male_.end());
}

bool Names::is_female(const std::string& name) const {
    return std::find(female_.begin(), female_.end(), name) != female_.end();
}

bool Names::held_out(const std::string& first, const std::string& second) const {
    return hash64("names/" + first + " " + second, seed_) % 100 < 15;
}

std::pair<std::string, std::string> Names::pair(Rng& rng, Split split) const {
    for (;;) {
        const std::string& first = rng.pick(all_);
        const std::string& second = rng.pick(all_);
        if (first != second && held_out(first, second) == (split == Split::held_out)) return {first, second};
    }
}

}  // namespace microtome
