// Some of a file's prompts: by label, by group, the first so many.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyses/files/prompts.h"

namespace microtome {

/// `where`: "label=animal", "group=x"; of several with the same key one must hold, of different keys all. `limit` 0: no limit.
/// An Error for another key, and where no prompt is left (it names what there is).
std::vector<Prompt> choose_prompts(std::vector<Prompt> prompts, const std::vector<std::string>& where, std::uint64_t limit);

}  // namespace microtome
