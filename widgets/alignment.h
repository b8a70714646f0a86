// How a clean and a corrupted prompt lie beside each other, token by token, and why patching by position may be refused.
#pragma once

#include <string>
#include <vector>

#include "analyses/session.h"

namespace microtome {

enum class Match { same, substituted, only_clean, only_corrupt };

struct AlignedColumn {
    int clean = -1, corrupt = -1;  // positions; -1: a gap
    Match match = Match::same;
};

struct Alignment {
    std::vector<AlignedColumn> columns;
    int substituted = 0;
    std::string refusal;  // empty: patching by position is possible

    bool aligned() const { return refusal.empty(); }
};

/// Position by position if the lengths agree. If not, the longest common subsequence shows where they part, and `refusal` says why
/// patching by position makes no sense: the value put in would belong to another token.
Alignment align(const std::vector<Token>& clean, const std::vector<Token>& corrupt);

}  // namespace microtome
