#include "hooks/sweep/remix.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <utility>

namespace microtome {
namespace {

// Queries of one head that attend anew, one entry each.
struct Entries {
    std::vector<std::int64_t> token, pair, place, head;
    struct Put {
        std::vector<std::int64_t> entry, source;  // single scores to be replaced
    } scores, pattern;
};

void add(Entries& out, std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>& known, const SweepBase& base, const SweepRow& row,
         const PatchSlice& slice, const TokenList& queries, std::size_t slot) {
    std::size_t pair = base.group.pairs[row.pair];
    const auto *places = positions_at(base.sweep, slice.place, pair), *from = positions_at(base.sweep, slice.from, pair);
    std::int64_t heads = base.model.config.n_heads;
    Entries::Put& put = slice.ref.site == Site::pattern ? out.pattern : out.scores;
    for (std::int64_t t = queries.first[slot]; t < queries.first[slot + 1]; ++t) {
        std::int64_t p = queries.position[static_cast<std::size_t>(t)];
        if (places && std::find(places->begin(), places->end(), p) == places->end()) continue;
        for (std::int64_t h = slice.head < 0 ? 0 : slice.head; h < (slice.head < 0 ? heads : slice.head + 1); ++h) {
            auto [at, fresh] = known.emplace(std::pair{t, h}, static_cast<std::int64_t>(out.token.size()));
            if (fresh) {
                out.token.push_back(t), out.head.push_back(h), out.place.push_back(p);
                out.pair.push_back(static_cast<std::int64_t>(row.pair));
            }
            for (std::int64_t s = 0; s < (from ? static_cast<std::int64_t>(from->size()) : base.group.length()); ++s) {
                put.entry.push_back(at->second);
                put.source.push_back(from ? (*from)[static_cast<std::size_t>(s)] : s);
            }
        }
    }
}

constexpr std::int64_t most_values = std::int64_t{1} << 24;  // gathered at once

}  // namespace

void remix(const SweepBase& base, const std::vector<SweepRow>& rows, const TokenList& queries, std::size_t first_row, int layer,
           Tensor& z) {
    Entries entries;
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> known;
    for (std::size_t row = first_row; row < rows.size(); ++row)
        for (const PatchSlice& slice : base.sweep.cells[rows[row].cell])
            if (enters_with_pattern(rows[row], slice) && slice.ref.layer == layer)
                add(entries, known, base, rows[row], slice, queries, row);
    if (entries.token.empty()) return;
    const Attention& attention = base.model.blocks[static_cast<std::size_t>(layer)].attn;
    auto list = [&](const std::vector<std::int64_t>& x) { return at::tensor(x, at::kLong).to(z.device()); };
    Tensor token = list(entries.token), pair = list(entries.pair), place = list(entries.place), head = list(entries.head);
    auto patched = [&](Tensor x, SiteRef ref, const Entries::Put& put) {
        if (put.entry.empty()) return x;
        Tensor entry = list(put.entry), source = list(put.source);
        auto at = [&](const Tensor& which) { return which.index_select(0, entry); };
        return x.index_put({entry, source}, base.group.values.at(site_key(ref)).index({at(pair), at(head), at(place), source}));
    };
    auto before = [&](SiteRef ref) { return base.group.before.at(site_key(ref)).index({pair, head, place}); };  // (entries, source)
    Tensor pattern;
    if (!entries.scores.entry.empty()) {
        Tensor made = before({Site::attn_scores, layer});
        pattern = attention.pattern_of(patched(made, {Site::attn_scores, layer}, entries.scores), made);
    }
    if (!entries.pattern.entry.empty()) {
        if (!pattern.defined()) pattern = before({Site::pattern, layer});
        pattern = patched(pattern, {Site::pattern, layer}, entries.pattern);
    }
    Tensor values = base.group.cache.v[static_cast<std::size_t>(layer)].transpose(1, 2);  // (pair, kv head, source, d_head)
    Tensor kv = head.div(attention.n_heads / attention.n_kv_heads, "floor");
    std::int64_t step = std::max<std::int64_t>(2, most_values / (values.size(2) * values.size(3)));
    Tensor packed = z[0];
    for (std::int64_t at = 0; at < token.size(0); at += step) {
        std::int64_t n = std::min(step, token.size(0) - at);
        auto part = [&](const Tensor& x) { return x.narrow(0, at, n); };
        Tensor mixed = at::bmm(part(pattern).unsqueeze(1), values.index({part(pair), part(kv)})).squeeze(1);
        packed.index_put_({part(token), part(head)}, mixed);
    }
}

}  // namespace microtome
