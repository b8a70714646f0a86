#include "core/models/packed.h"

#include <ATen/ATen.h>

#include <vector>

namespace microtome {

Tensor linear_with_room(const Linear& linear, const Tensor& x, std::int64_t room) {
    Tensor y = at::empty({1, room, linear.weight.size(1)}, x.options()), there = y[0].narrow(0, 0, x.size(1));
    if (linear.bias.defined())
        at::addmm_out(there, linear.bias, x[0], linear.weight);
    else
        at::mm_out(there, x[0], linear.weight);
    return y;
}

RotaryAngles at_positions(const RotaryAngles& angles, const Tensor& positions) {
    RotaryAngles out = angles;
    out.positions = positions.size(0);
    out.cos = angles.cos.index_select(0, positions);
    out.sin = angles.sin.index_select(0, positions);
    return out;
}

Tensor mix_watched(const Attention& attention, const Tensor& q, const Tensor& k, const Tensor& v, const Tap& tap, const PackedRows& packed,
                   const Tensor& base_k, const Tensor& base_v) {
    auto number = [](const Tensor& x, std::int64_t i) { return x[i].item<std::int64_t>(); };
    std::int64_t n = packed.rows.start.size(0);
    // (1, kv head, length, d_head): the base run's up to the row's start, then the row's own.
    auto text = [&](const Tensor& base, const Tensor& own, std::int64_t r) {
        std::int64_t first = number(packed.rows.first, r), tokens = number(packed.rows.first, r + 1) - first;
        Tensor before = base[number(packed.rows.prompt, r)].narrow(0, 0, number(packed.rows.start, r));
        return at::cat({before, own[0].narrow(0, first, tokens)}).transpose(0, 1).unsqueeze(0);
    };
    std::vector<Tensor> rows;
    for (std::int64_t r = 0; r < n; ++r) {
        std::int64_t first = number(packed.rows.query_first, r), queries = number(packed.rows.query_first, r + 1) - first;
        Tensor scores = attention.raw_scores(q[0].narrow(0, first, queries).transpose(0, 1).unsqueeze(0), text(base_k, k, r));
        Tensor places = packed.query_position.narrow(0, first, queries).unsqueeze(1);
        Tensor ahead = at::arange(packed.length, places.options()).unsqueeze(0) - places;
        Tensor mask = attention.window > 0 ? (ahead > 0).logical_or(ahead <= -attention.window) : ahead > 0;
        rows.push_back(scores.masked_fill(mask, -INFINITY));
    }
    Tensor made = at::cat(rows, 2);
    Tensor pattern = tap(Site::pattern, attention.pattern_of(tap(Site::attn_scores, made), made));
    rows.clear();
    std::int64_t group = attention.n_heads / attention.n_kv_heads;
    for (std::int64_t r = 0; r < n; ++r) {
        std::int64_t first = number(packed.rows.query_first, r), queries = number(packed.rows.query_first, r + 1) - first;
        Tensor part = pattern.narrow(2, first, queries).unflatten(1, {attention.n_kv_heads, group});
        Tensor z = at::matmul(part, text(base_v, v, r).unsqueeze(2)).flatten(1, 2);  // (1, head, queries, d_head)
        rows.push_back(z.transpose(1, 2));
    }
    return at::cat(rows, 1);
}

}  // namespace microtome
