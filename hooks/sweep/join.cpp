// How rows enter: until the first attention that it takes part in, a row is those of its tokens that a slice has changed; the others are
// the base run's there, and join with its queries, keys and values.
#include <ATen/ATen.h>

#include <algorithm>

#include "hooks/sweep/wavefront.h"

namespace microtome {
namespace {

// x (1, n, …) in a tensor of `size` tokens, of which the first `kept` are x's.
Tensor with_room(const Tensor& x, std::int64_t kept, std::int64_t size) {
    if (x.size(1) >= size) return x.narrow(1, 0, size);
    auto shape = x.sizes().vec();
    shape[1] = size;
    Tensor y = at::empty(shape, x.options());
    y.narrow(1, 0, kept).copy_(x.narrow(1, 0, kept));
    return y;
}

}  // namespace

// Tokens of a row that stands before its first attention, or after the last one.
std::vector<std::int64_t> Wavefront::early_of(const SweepRow& row, int layer, Stage stage) const {
    if (layer > last_layer_) return positions_of(row, true);
    auto early = early_positions(base_.sweep, base_.group, row);
    const auto& read = base_.read[row.pair];
    if (layer == last_layer_ && stage >= Stage::mixed)
        std::erase_if(early, [&](std::int64_t p) { return !std::binary_search(read.begin(), read.end(), p); });
    return early;
}

// Only the metric's tokens ask in the last layer; of rows that have just entered, those that are here go on until `join`.
Tensor Wavefront::askers() const {
    std::vector<std::int64_t> go_on;
    for (std::size_t row = 0; row < joined_; ++row)
        for (std::int64_t q = queries_.first[row]; q < queries_.first[row + 1]; ++q)
            go_on.push_back(tokens_.first[row] + queries_.position[static_cast<std::size_t>(q)] - rows_[row].start);
    for (std::int64_t t = tokens_.first[joined_]; t < tokens_.size(); ++t) go_on.push_back(t);
    return index(go_on);
}

// Keys, values and queries of what is here, with room for what `join` adds.
Attention::Heads Wavefront::project(const Attention& attention, const AttentionInputs& in) const {
    bool whole = in.q.dim() == 3 && in.k.dim() == 3 && in.v.dim() == 3;
    if (!whole) return attention.project(in);
    auto part = [&](const Linear& linear, const Tensor& x, int heads, bool asks) {
        std::int64_t room = 0;
        for (std::size_t row = joined_; row < rows_.size(); ++row)
            room += static_cast<std::int64_t>(positions_of(rows_[row], asks && layer_ == last_layer_).size());
        std::int64_t front = asks ? queries_.first[joined_] : tokens_.first[joined_];
        return linear_with_room(linear, x, std::max(x.size(1), front + room)).unflatten(-1, {heads, attention.d_head});
    };
    return {part(attention.q, in.q, attention.n_heads, true), part(attention.k, in.k, attention.n_kv_heads, false),
            part(attention.v, in.v, attention.n_kv_heads, false)};
}

// The other tokens of rows that have just entered: until now they were the base run's.
void Wavefront::join(Attention::Heads& heads) {
    if (joined_ == rows_.size()) return;
    auto fill = [&](TokenList& list, bool narrow, std::vector<std::pair<Tensor*, Site>> live) {
        std::int64_t front = list.first[joined_];
        std::vector<std::int64_t> from, to;  // of what is here, into all
        TokenList early = list;
        list.cut(joined_);
        for (std::size_t row = joined_; row < rows_.size(); ++row) {
            auto positions = positions_of(rows_[row], narrow);
            for (std::int64_t t = early.first[row]; t < early.first[row + 1]; ++t) {
                auto at = std::lower_bound(positions.begin(), positions.end(), early.position[static_cast<std::size_t>(t)]);
                if (at == positions.end() || *at != early.position[static_cast<std::size_t>(t)]) continue;
                from.push_back(t);
                to.push_back(list.size() - front + (at - positions.begin()));
            }
            list.add(row, rows_[row].pair, positions, base_.group.length());
        }
        Tensor flat = index({list.flat.begin() + front, list.flat.end()}), taken = index(from), put = index(to);
        for (auto& [x, site] : live) {
            Tensor here = (*x)[0].index_select(0, taken);
            *x = with_room(*x, front, list.size());
            Tensor tail = (*x)[0].narrow(0, front, list.size() - front);
            at::index_select_out(tail, base_.flat({site, layer_}), 0, flat);
            tail.index_copy_(0, put, here);
        }
    };
    fill(tokens_, false, {{&heads.k, Site::k}, {&heads.v, Site::v}});
    fill(queries_, layer_ == last_layer_, {{&x_, Site::resid_pre}, {&heads.q, Site::q}});
    joined_ = rows_.size();
}

}  // namespace microtome
