#include "hooks/sweep/wavefront.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "hooks/sweep/remix.h"

namespace microtome {

const Tensor& SweepBase::flat(SiteRef ref) const {
    Tensor& known = flat_[site_key(ref)];
    if (!known.defined()) known = group.before.at(site_key(ref)).flatten(0, 1);
    return known;
}

Wavefront::Wavefront(const SweepBase& base, const SweepChunk& chunk)
    : base_(base), chunk_(chunk), last_layer_(base.model.config.n_layers - 1), tap_(base.sweep, base.group, rows_) {
    rows_.reserve(2 * chunk.size() + 1);
    tap_.look_at(tokens_, queries_);
    packed_.length = base.group.length();
    packed_.base = &base.group.cache;
    context_.packed = &packed_;
}

Tensor Wavefront::index(const std::vector<std::int64_t>& list) const {
    return at::tensor(list, at::kLong).to(base_.model.device());
}

std::vector<std::int64_t> Wavefront::positions_of(const SweepRow& row, bool narrow) const {
    std::vector<std::int64_t> positions;
    if (narrow) {
        const auto& read = base_.read[row.pair];
        positions.assign(std::lower_bound(read.begin(), read.end(), row.start), read.end());
    } else {
        for (std::int64_t p = row.start; p < base_.group.length(); ++p) positions.push_back(p);
    }
    return positions;
}

// Rows of the chunk whose turn it is.
Wavefront::Entered Wavefront::enter(int layer, Stage stage) {
    Entered entered{{}, {}, rows_.size()};
    std::int64_t token = tokens_.size(), query = queries_.size();
    bool mixes = stage == Stage::qkv, over = layer > last_layer_ || (layer == last_layer_ && stage >= Stage::mixed);
    auto add = [&](const SweepRow& row) {
        rows_.push_back(row);
        tap_.enter(rows_.size() - 1);
        auto early = mixes ? std::vector<std::int64_t>() : early_of(row, layer, stage);
        if (!over) tokens_.add(rows_.size() - 1, row.pair, mixes ? positions_of(row, false) : early, base_.group.length());
        asked_ += static_cast<std::int64_t>(positions_of(row, layer >= last_layer_).size());
        queries_.add(rows_.size() - 1, row.pair, mixes ? positions_of(row, layer == last_layer_) : early, base_.group.length());
    };
    for (; next_ < chunk_.size() && chunk_[next_].layer == layer && chunk_[next_].stage == stage; ++next_) add(chunk_[next_]);
    if (rows_.size() == entered.first_row) return entered;
    if (queries_.size() == 1 || tokens_.size() == 1 || asked_ == 1 || chunk_.size() == 1) {
        add(rows_.back());
        rows_.back().twin = true;
    }
    auto since = [&](const TokenList& list, std::int64_t from) { return index({list.flat.begin() + from, list.flat.end()}); };
    entered.tokens = since(tokens_, token);
    entered.queries = since(queries_, query);
    return entered;
}

void Wavefront::grow(Tensor& live, SiteRef ref, const Tensor& flat) const {
    if (!flat.defined() || (live.defined() && flat.numel() == 0)) return;
    Tensor joined = base_.flat(ref).index_select(0, flat).unsqueeze(0);
    live = live.defined() ? at::cat({live, joined}, 1) : joined;
}

// Where the tokens are, for attention.
void Wavefront::pack() {
    auto narrow = [&](const std::vector<std::int64_t>& list) { return at::tensor(list, at::kLong).to(at::kInt); };
    std::vector<std::int64_t> start, prompt;
    for (std::size_t row : tokens_.rows) {
        start.push_back(rows_[row].start);
        prompt.push_back(static_cast<std::int64_t>(rows_[row].pair + (rows_[row].after_source ? base_.group.pairs.size() : 0)));
    }
    packed_.rows = {narrow(start), narrow(tokens_.first), narrow(prompt), narrow(queries_.first), narrow(queries_.position)};
    packed_.position = index(tokens_.position);
    packed_.query_position = index(queries_.position);
}

Tensor Wavefront::residual(const std::vector<std::size_t>& which, const Tensor& positions) const {
    std::vector<std::int64_t> from, own;  // indexes into the base run's, then the rows' own
    const Tensor& base = base_.flat({Site::resid_post, last_layer_});
    for (std::size_t i = 0; i < which.size(); ++i) {
        std::size_t row = which[i];
        auto first = queries_.position.begin() + queries_.first[row], last = queries_.position.begin() + queries_.first[row + 1];
        for (std::int64_t j = 0; j < positions.size(1); ++j) {
            std::int64_t p = positions[static_cast<std::int64_t>(i)][j].item<std::int64_t>();
            auto at = std::lower_bound(first, last, p);
            bool ran = rows_[row].layer <= last_layer_ && at != last && *at == p;
            from.push_back(ran ? base.size(0) + (at - queries_.position.begin())
                               : static_cast<std::int64_t>(rows_[row].pair) * base_.group.length() + p);
            own.push_back(at - queries_.position.begin());
        }
    }
    bool all = std::all_of(from.begin(), from.end(), [&](std::int64_t i) { return i >= base.size(0); });
    if (all) return x_.index_select(1, index(own));
    Tensor both = x_.defined() ? at::cat({base, x_[0]}) : base;
    return both.index_select(0, index(from)).unsqueeze(0);
}

bool Wavefront::run(const Progress& progress) {
    for (int layer = chunk_.front().layer; layer <= last_layer_; ++layer) {
        if (progress.stopped()) return false;
        run_layer(layer);
        if (base_.model.pages) base_.model.pages->leave(static_cast<std::size_t>(layer));
    }
    enter(last_layer_ + 1, Stage::pre);
    return true;
}

// Up to what attention adds to the stream; the stream itself is narrowed to the tokens that go on.
Tensor Wavefront::attend(int layer, const Block& block, const Tap& tap) {
    Attention::Heads heads;
    if (x_.defined()) {
        x_ = tap(Site::resid_pre, std::move(x_));
        AttentionInputs in = block.read(x_, tap);
        if (layer == last_layer_) {
            Tensor which = askers();
            x_ = x_.index_select(1, which);
            in.q = in.q.index_select(1, which);
        }
        heads = project(block.attn, in);
        join(heads);
    }
    Entered entered = enter(layer, Stage::qkv);
    joined_ = rows_.size();
    grow(x_, {Site::resid_pre, layer}, entered.queries);
    grow(heads.q, {Site::q, layer}, entered.queries);
    grow(heads.k, {Site::k, layer}, entered.tokens);
    grow(heads.v, {Site::v, layer}, entered.tokens);
    Tensor z;
    if (x_.defined()) {
        pack();
        z = block.attn.mix(block.attn.turn(heads, tap, context_), tap, context_, layer);
    }
    entered = enter(layer, Stage::mixed);
    grow(x_, {Site::resid_pre, layer}, entered.queries);
    grow(z, {Site::z, layer}, entered.queries);
    if (entered.queries.defined()) remix(base_, rows_, queries_, entered.first_row, layer, z);
    return z.defined() ? block.attention_out(z, tap) : z;
}

void Wavefront::run_layer(int layer) {
    layer_ = layer;
    const Block& block = base_.model.blocks[static_cast<std::size_t>(layer)];
    Tap outer(tap_), tap = outer.at(layer);
    if (layer == last_layer_) {
        queries_.cut(0);
        for (std::size_t row = 0; row < joined_; ++row)
            queries_.add(row, rows_[row].pair, positions_of(rows_[row], true), base_.group.length());
        for (std::size_t row = joined_; row < rows_.size(); ++row)
            queries_.add(row, rows_[row].pair,
                         {tokens_.position.begin() + tokens_.first[row], tokens_.position.begin() + tokens_.first[row + 1]},
                         base_.group.length());
    }
    Entered entered = enter(layer, Stage::pre);
    bool embeds = layer == 0 && base_.group.before.count(site_key({Site::embed, -1})) > 0;
    if (embeds && entered.tokens.defined()) {
        grow(x_, {Site::embed, -1}, entered.tokens);
        x_ = outer(Site::embed, x_);
        Tensor places;
        if (base_.model.W_pos.defined()) grow(places, {Site::pos_embed, -1}, entered.tokens);
        if (places.defined()) x_ = x_ + outer(Site::pos_embed, places);
    } else {
        grow(x_, {Site::resid_pre, layer}, entered.tokens);
    }
    Tensor attn_out = attend(layer, block, tap), written;
    entered = enter(layer, Stage::attended);
    grow(x_, {Site::resid_pre, layer}, entered.queries);
    grow(attn_out, {Site::attn_out, layer}, entered.queries);
    Block::Middle mid;
    if (x_.defined()) mid = block.middle(x_, attn_out, tap);
    // Of the rows that enter after it.
    auto pass_middle = [&](const Entered& late) {
        if (!late.queries.defined()) return;
        Tensor x, added;
        grow(x, {Site::resid_pre, layer}, late.queries);
        grow(added, {Site::attn_out, layer}, late.queries);
        Block::Middle joined = block.middle(x, added, Tap());
        mid.sum = mid.sum.defined() ? at::cat({mid.sum, joined.sum}, 1) : joined.sum;
        mid.read = mid.read.defined() ? at::cat({mid.read, joined.read}, 1) : joined.read;
    };
    if (block.mlp.kind != MlpKind::none) {
        Tensor neurons = mid.read.defined() ? block.neurons(mid.read, tap) : Tensor();
        entered = enter(layer, Stage::neurons);
        pass_middle(entered);
        grow(neurons, {Site::mlp_post, layer}, entered.queries);
        if (neurons.defined()) written = block.mlp_out(neurons, tap);
    }
    entered = enter(layer, Stage::written);
    pass_middle(entered);
    if (block.mlp.kind != MlpKind::none) grow(written, {Site::mlp_out, layer}, entered.queries);
    if (mid.sum.defined()) x_ = block.leave(mid.sum, written, tap);
}

}  // namespace microtome
