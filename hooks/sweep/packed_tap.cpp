#include "hooks/sweep/packed_tap.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "core/kernels/scatter_patch.h"

namespace microtome {
namespace {

// Made of every token of a row, even where only some go on.
bool before_attention(Site site) {
    switch (site) {
        case Site::embed:
        case Site::pos_embed:
        case Site::resid_pre:
        case Site::attn_in:
        case Site::q_input:
        case Site::k_input:
        case Site::v_input:
        case Site::ln1_scale:
        case Site::ln1_normalized:
        case Site::k:
        case Site::v:
        case Site::k_norm_scale:
        case Site::k_norm_normalized:
        case Site::rot_k:
            return true;
        default:
            return false;
    }
}

}  // namespace

void TokenList::add(std::size_t row, std::size_t pair, const std::vector<std::int64_t>& positions, std::int64_t length) {
    rows.push_back(row);
    for (std::int64_t p : positions) {
        position.push_back(p);
        flat.push_back(static_cast<std::int64_t>(pair) * length + p);
    }
    first.push_back(size());
}

void TokenList::cut(std::size_t slots) {
    rows.resize(slots);
    first.resize(slots + 1);
    position.resize(static_cast<std::size_t>(first.back()));
    flat.resize(static_cast<std::size_t>(first.back()));
}

bool enters_with_pattern(const SweepRow& row, const PatchSlice& slice) {
    return is_score(slice.ref.site) && slice.ref.layer == row.layer && row.stage == Stage::mixed;
}

// Index lists, one entry a replaced vector (of scores: a query's row of one head, or one source of it).
struct PackedTap::Put {
    SliceList slices;                                                       // tokens, or one head of them
    std::vector<std::int64_t> score_token, score_flat, score_head, source;  // one score
};

PackedTap::PackedTap(const PatchSweep& sweep, const PatchGroup& group, const std::vector<SweepRow>& rows)
    : sweep_(sweep), group_(group), rows_(rows) {}

void PackedTap::enter(std::size_t row) {
    for (const PatchSlice& slice : sweep_.cells[rows_[row].cell])
        if (!enters_with_pattern(rows_[row], slice)) ++wanted_[site_key(slice.ref)];
}

PackedTap::Put PackedTap::gather(SiteRef ref, const TokenList& list) const {
    Put put;
    std::int64_t length = group_.length(), heads = 0;
    if (is_score(ref.site)) heads = group_.values.at(site_key(ref)).size(1);
    for (std::size_t slot = 0; slot < list.rows.size(); ++slot) {
        const SweepRow& row = rows_[list.rows[slot]];
        for (const PatchSlice& slice : sweep_.cells[row.cell]) {
            if (!(slice.ref == ref) || enters_with_pattern(row, slice)) continue;
            const auto *places = positions_at(sweep_, slice.place, group_.pairs[row.pair]),
                       *from = positions_at(sweep_, slice.from, group_.pairs[row.pair]);
            for (std::int64_t t = list.first[slot]; t < list.first[slot + 1]; ++t) {
                std::int64_t p = list.position[static_cast<std::size_t>(t)], flat = list.flat[static_cast<std::size_t>(t)];
                if (places && std::find(places->begin(), places->end(), p) == places->end()) continue;
                if (!is_score(ref.site)) {
                    put.slices.add(t, flat, slice.head);
                    continue;
                }
                for (std::int64_t h = slice.head < 0 ? 0 : slice.head; h < (slice.head < 0 ? heads : slice.head + 1); ++h)
                    for (std::int64_t i = 0; i < (from ? static_cast<std::int64_t>(from->size()) : length); ++i) {
                        put.score_token.push_back(t), put.score_flat.push_back(flat), put.score_head.push_back(h);
                        put.source.push_back(from ? (*from)[static_cast<std::size_t>(i)] : i);
                    }
            }
        }
    }
    return put;
}

Tensor PackedTap::see(SiteRef ref, Tensor x) {
    Put put = gather(ref, before_attention(ref.site) ? *tokens_ : *queries_);
    const Tensor& values = group_.values.at(site_key(ref));
    auto at = [device = x.device()](const std::vector<std::int64_t>& list) { return at::tensor(list, at::kLong).to(device); };
    if (is_score(ref.site)) {
        if (put.score_token.empty()) return x;
        Tensor y = x.clone(), flat = at(put.score_flat), head = at(put.score_head), source = at(put.source);
        Tensor pair = flat.div(group_.length(), "floor"), place = flat.remainder(group_.length());
        y[0].index_put_({head, at(put.score_token), source}, values.index({pair, head, place, source}));
        return y;
    }
    if (put.slices.size() == 0) return x;
    const bool ours = x.use_count() == 1 && x.storage().use_count() == 1 && x.is_contiguous();  // nobody else sees it
    Tensor y = ours ? std::move(x) : x.clone(at::MemoryFormat::Contiguous);
    scatter_patch_(y[0], values.flatten(0, 1), put.slices);
    return y;
}

}  // namespace microtome
