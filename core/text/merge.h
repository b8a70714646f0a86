// Byte-pair merging: joins the best pair of neighbours until none is left, in n log n.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace microtome {

/// What a pair becomes; a lower rank goes first, then the pair further left.
struct Merge {
    std::int64_t rank = 0;
    std::int64_t id = 0;
};

/// Merges `ids` from index `from` on. `find(left, right)` → optional<Merge>.
template <typename Find>
void merge_pairs(std::vector<std::int64_t>& ids, std::size_t from, Find find) {
    struct Symbol {
        std::int64_t id;
        std::ptrdiff_t before, after;  // -1: none
        bool gone;
    };
    struct Candidate {
        Merge merge;
        std::ptrdiff_t left;
        bool operator<(const Candidate& o) const { return merge.rank != o.merge.rank ? merge.rank > o.merge.rank : left > o.left; }
    };
    const auto n = static_cast<std::ptrdiff_t>(ids.size() - from);
    if (n < 2) return;
    std::vector<Symbol> symbols(static_cast<std::size_t>(n));
    const auto at = [&symbols](std::ptrdiff_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    for (std::ptrdiff_t i = 0; i < n; ++i) at(i) = {ids[from + static_cast<std::size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1, false};
    std::priority_queue<Candidate> queue;
    const auto consider = [&](std::ptrdiff_t left) {
        if (left < 0 || at(left).after < 0) return;
        if (const auto merge = find(at(left).id, at(at(left).after).id)) queue.push({*merge, left});
    };
    for (std::ptrdiff_t i = 0; i + 1 < n; ++i) consider(i);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Symbol& left = at(best.left);
        if (left.gone || left.after < 0) continue;
        Symbol& right = at(left.after);
        const auto now = find(left.id, right.id);  // the neighbours may have changed since
        if (!now || now->id != best.merge.id) continue;
        left.id = best.merge.id;
        right.gone = true;
        left.after = right.after;
        if (left.after >= 0) at(left.after).before = best.left;
        consider(left.before);
        consider(best.left);
    }
    ids.resize(from);
    for (const Symbol& s : symbols)
        if (!s.gone) ids.push_back(s.id);
}

}  // namespace microtome
