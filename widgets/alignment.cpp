#include "widgets/alignment.h"

#include <algorithm>
#include <cstdint>

namespace microtome {
namespace {

using Tokens = std::vector<Token>;

void by_position(const Tokens& clean, const Tokens& corrupt, Alignment& out) {
    for (std::size_t i = 0; i < clean.size(); ++i) {
        const bool same = clean[i].id == corrupt[i].id;
        const int at = static_cast<int>(i);
        out.columns.push_back({at, at, same ? Match::same : Match::substituted});
        out.substituted += same ? 0 : 1;
    }
}

/// lengths[i][j] = longest common subsequence of clean[i..] and corrupt[j..].
std::vector<std::vector<std::uint32_t>> common_lengths(const Tokens& clean, const Tokens& corrupt) {
    std::vector<std::vector<std::uint32_t>> lengths(clean.size() + 1, std::vector<std::uint32_t>(corrupt.size() + 1, 0));
    for (std::size_t i = clean.size(); i-- > 0;)
        for (std::size_t j = corrupt.size(); j-- > 0;)
            lengths[i][j] = clean[i].id == corrupt[j].id ? lengths[i + 1][j + 1] + 1 : std::max(lengths[i + 1][j], lengths[i][j + 1]);
    return lengths;
}

void by_subsequence(const Tokens& clean, const Tokens& corrupt, Alignment& out) {
    const auto lengths = common_lengths(clean, corrupt);
    std::size_t i = 0, j = 0;
    while (i < clean.size() || j < corrupt.size()) {
        const int a = static_cast<int>(i), b = static_cast<int>(j);
        if (i < clean.size() && j < corrupt.size() && clean[i].id == corrupt[j].id) {
            out.columns.push_back({a, b, Match::same});
            ++i, ++j;
        } else if (i < clean.size() && (j == corrupt.size() || lengths[i + 1][j] >= lengths[i][j + 1])) {
            out.columns.push_back({a, -1, Match::only_clean});
            ++i;
        } else {
            out.columns.push_back({-1, b, Match::only_corrupt});
            ++j;
        }
    }
}

/// A token missing on each side, one after the other, is one token in the other's place.
void join_substitutions(Alignment& out) {
    std::vector<AlignedColumn> joined;
    for (const AlignedColumn& column : out.columns) {
        if (column.match == Match::only_corrupt && !joined.empty() && joined.back().match == Match::only_clean) {
            joined.back() = {joined.back().clean, column.corrupt, Match::substituted};
            ++out.substituted;
        } else {
            joined.push_back(column);
        }
    }
    out.columns = std::move(joined);
}

std::string refusal_of(const Alignment& alignment, std::size_t n_clean, std::size_t n_corrupt) {
    const auto first = std::find_if(alignment.columns.begin(), alignment.columns.end(),
                                    [](const AlignedColumn& c) { return c.clean < 0 || c.corrupt < 0; });
    const int at = first == alignment.columns.end() ? 0 : std::max(first->clean, first->corrupt);
    return "The clean prompt has " + std::to_string(n_clean) + " tokens, the corrupted one " + std::to_string(n_corrupt) +
           ": patching by position is refused, because from position " + std::to_string(at) +
           " on a position holds different words in the two prompts.";
}

}  // namespace

Alignment align(const Tokens& clean, const Tokens& corrupt) {
    Alignment out;
    if (clean.size() == corrupt.size()) {
        by_position(clean, corrupt, out);
    } else {
        by_subsequence(clean, corrupt, out);
        join_substitutions(out);
        out.refusal = refusal_of(out, clean.size(), corrupt.size());
    }
    return out;
}

}  // namespace microtome
