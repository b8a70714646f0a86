#include "analyses/query/terms.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace microtome::query {
namespace {

constexpr std::uint64_t block_bytes = 8 << 20;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void refuse(const Node& node, const std::string& expected, const std::string& got) {
    throw Error(at_column(node.column), expected, got);
}

bool has_heads(const StoreSite& site) {
    return !site.symbols.empty() && (site.symbols.front() == "n_heads" || site.symbols.front() == "n_kv_heads");
}

const StoreSite& find(const StoreReader& store, const Node& node) {
    std::string all;
    for (const StoreSite& site : store.sites()) {
        if (site.gradient != node.gradient) continue;
        if (site.name == node.site) return site;
        all += (all.empty() ? "" : ", ") + site.name;
    }
    if (node.gradient && all.empty()) refuse(node, "a store with gradients (microtome gradients writes one)", "one of activations only");
    refuse(node, (node.gradient ? "a site whose gradient this store has (" : "a site of this store (") + all + ")", node.site);
}

}  // namespace

void Terms::bind(Node& node, bool values) {
    const StoreSite& site = find(store_, node);
    Term term;
    const auto block = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.site == &site; });
    term.block = static_cast<std::size_t>(block - blocks_.begin());
    if (block == blocks_.end()) blocks_.push_back({&site, 0, {}});
    const std::uint64_t heads = has_heads(site) ? site.shape.front() : 0, per_head = heads ? site.row_values() / heads : 0;
    if (node.head >= 0 && heads == 0) refuse(node, "a site without heads named without one", "head " + std::to_string(node.head));
    if (node.head >= 0 && static_cast<std::uint64_t>(node.head) >= heads)
        refuse(node, "a head from 0 to " + std::to_string(heads - 1), std::to_string(node.head));
    if (site.pairs && node.head < 0)
        refuse(node, "a head: L" + node.site.substr(7, node.site.find('.', 7) - 7) + "H0 before the site", "none");
    term.begin = node.head >= 0 ? static_cast<std::size_t>(node.head) * per_head : 0;
    term.width = node.head >= 0 ? per_head : site.row_values();
    if (!site.pairs) {
        if (node.index.kind == Index::prev || node.index.kind == Index::self)
            refuse(node, "a number in brackets: rows of this site are tokens, not pairs", "prev or self");
        if (node.index.kind == Index::number && node.index.value >= term.width)
            refuse(node, "an index from 0 to " + std::to_string(term.width - 1), std::to_string(node.index.value));
        if (node.index.kind == Index::number) term.begin += node.index.value, term.width = 1;
    }
    const bool one = node.index.kind != Index::none || (!site.pairs && term.width == 1);
    if (!one && !values)
        refuse(node, "one number: an index in brackets, or norm(), max(), min(), mean() or sum() of it",
               site.pairs ? "a number for each key" : std::to_string(term.width) + " numbers");
    node.slot = terms_.size();
    terms_.push_back(std::move(term));
}

std::uint64_t Terms::prompt_of(std::uint64_t token) const {
    const auto& offsets = store_.offsets();
    return static_cast<std::uint64_t>(std::upper_bound(offsets.begin(), offsets.end(), token) - offsets.begin()) - 1;
}

// The first pair of a token's row; of the end: the end.
std::uint64_t Terms::pair_row(std::uint64_t token) const {
    if (token == store_.offsets().back()) return store_.offsets2().back();
    const std::uint64_t p = prompt_of(token);
    return store_.offsets2()[p] + (token - store_.offsets()[p]) * store_.length(p);
}

std::uint64_t Terms::load(std::uint64_t first, std::uint64_t last) {
    const auto rows = [&](const Block& block, std::uint64_t token) { return block.site->pairs ? pair_row(token) : token; };
    const auto fits = [&](std::uint64_t end) {
        return std::all_of(blocks_.begin(), blocks_.end(), [&](const Block& b) {
            return (rows(b, end) - rows(b, first)) * b.site->row_values() * sizeof(double) <= block_bytes;
        });
    };
    std::uint64_t end = first + 1, step = 1;
    for (; end < last && fits(std::min(last, end + step)); step *= 2) end = std::min(last, end + step);
    for (; step > 0; step /= 2)
        while (end + step <= last && fits(end + step)) end += step;
    for (Block& block : blocks_) {
        block.first = rows(block, first);
        const std::uint64_t count = rows(block, end) - block.first;
        block.values.resize(count * block.site->row_values());
        store_.read_rows(block.site->key(), block.first, count, block.values.data());
    }
    return end;
}

std::span<const double> Terms::at(const Node& node, const Place& place) {
    Term& term = terms_[node.slot];
    const Block& block = blocks_[term.block];
    const std::uint64_t width = block.site->row_values();
    if (!block.site->pairs) {
        const double* row = block.values.data() + (place.token - block.first) * width;
        return {row + term.begin, term.width};
    }
    const double* row =
        block.values.data() + (store_.offsets2()[place.prompt] + place.row * place.length - block.first) * width + term.begin;
    term.gathered.clear();
    if (node.index.kind == Index::none) {
        for (std::uint64_t key = 0; key <= place.row; ++key) term.gathered.push_back(row[key * width]);
        return term.gathered;
    }
    const std::uint64_t position = place.position(), back = node.index.kind == Index::prev ? 1 : 0;
    const std::uint64_t wanted = node.index.kind == Index::number ? node.index.value : position - back;
    std::uint64_t key = wanted;
    if (const auto& kept = place.text->positions; !kept.empty() && wanted <= position)
        key = static_cast<std::uint64_t>(std::lower_bound(kept.begin(), kept.end(), static_cast<std::int64_t>(wanted)) - kept.begin());
    const bool there = wanted <= position && key <= place.row &&
                       (place.text->positions.empty() || static_cast<std::uint64_t>(place.text->positions[key]) == wanted);
    term.gathered.push_back(there ? row[key * width] : nan);
    return term.gathered;
}

}  // namespace microtome::query
