// Attention over suffixes by torch's own operations: rows of one shape (start, tokens, places of the queries) are one batch.
#include <ATen/ATen.h>

#include <map>
#include <utility>
#include <vector>

#include "core/kernels/suffix_attention.h"

namespace microtome {
namespace {

std::vector<std::int64_t> numbers(const Tensor& x) {
    Tensor flat = x.to(at::kCPU, at::kLong).contiguous();
    return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

// Rows of one shape: start, how many tokens, where the queries are.
struct Shape {
    std::int64_t start, tokens;
    std::vector<std::int64_t> queries;
    auto operator<=>(const Shape&) const = default;
};

struct Members {
    std::vector<std::int64_t> prompts, tokens, queries;  // packed indexes of all rows, row by row
};

Tensor indexes(const std::vector<std::int64_t>& x, const Tensor& like) {
    return at::tensor(x, at::kLong).to(like.device());
}

// (rows, tokens, head, e) of packed x (n, head, e)
Tensor gathered(const Tensor& x, const std::vector<std::int64_t>& at, std::int64_t rows) {
    bool run = at.back() - at.front() + 1 == static_cast<std::int64_t>(at.size());
    Tensor part = run ? x.narrow(0, at.front(), static_cast<std::int64_t>(at.size())) : x.index_select(0, indexes(at, x));
    return part.unflatten(0, {rows, static_cast<std::int64_t>(at.size()) / rows});
}

Tensor hidden(const Shape& shape, const AttentionRule& rule, const Tensor& like) {
    Tensor ahead = at::arange(shape.start + shape.tokens, at::kLong).unsqueeze(0) - at::tensor(shape.queries, at::kLong).unsqueeze(1);
    Tensor mask = rule.window > 0 ? (ahead > 0).logical_or(ahead <= -rule.window) : ahead > 0;
    return mask.to(like.device());
}

// (r, h, p, e), (r, kv, s, e) with capped scores
Tensor capped(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, const AttentionRule& rule) {
    std::int64_t r = q.size(0), h = q.size(1), p = q.size(2), kv = k.size(1), s = k.size(2);
    Tensor x = at::matmul(q.reshape({r, kv, h / kv, p, q.size(3)}), k.unsqueeze(2).transpose(-1, -2)).mul(rule.scale);
    x = (at::tanh(x / rule.cap) * rule.cap).masked_fill(mask, -INFINITY);
    Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
    Tensor pattern = at::softmax(wide, -1).to(q.scalar_type());
    return at::matmul(pattern.view({r, kv, h / kv, p, s}), v.unsqueeze(2)).view({r, h, p, q.size(3)});
}

}  // namespace

Tensor suffix_attention_torch(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                              const SuffixRows& rows, const AttentionRule& rule) {
    auto start = numbers(rows.start), first = numbers(rows.first), prompt = numbers(rows.prompt), query_first = numbers(rows.query_first),
         position = numbers(rows.query_position);
    std::map<Shape, Members> groups;
    for (std::size_t r = 0; r < start.size(); ++r) {
        if (query_first[r] == query_first[r + 1]) continue;
        Shape shape{start[r], first[r + 1] - first[r], {position.begin() + query_first[r], position.begin() + query_first[r + 1]}};
        Members& members = groups[shape];
        members.prompts.push_back(prompt[r]);
        for (std::int64_t t = first[r]; t < first[r + 1]; ++t) members.tokens.push_back(t);
        for (std::int64_t t = query_first[r]; t < query_first[r + 1]; ++t) members.queries.push_back(t);
    }
    Tensor z = at::empty_like(q, q.options().memory_format(at::MemoryFormat::Contiguous));
    for (const auto& [shape, members] : groups) {
        auto n = static_cast<std::int64_t>(members.prompts.size());
        Tensor which = indexes(members.prompts, q);
        auto with_prefix = [&](const Tensor& prefix, const Tensor& own) {
            Tensor mine = gathered(own, members.tokens, n);
            if (shape.start > 0) mine = at::cat({prefix.narrow(1, 0, shape.start).index_select(0, which), mine}, 1);
            return mine.transpose(1, 2);
        };
        Tensor keys = with_prefix(prefix_k, k), values = with_prefix(prefix_v, v);
        Tensor queries = gathered(q, members.queries, n).transpose(1, 2);
        Tensor mask = hidden(shape, rule, q);
        Tensor out = rule.cap > 0 ? capped(queries, keys, values, mask, rule)
                                  : at::scaled_dot_product_attention(queries, keys, values, mask.logical_not(), 0.0, false, rule.scale,
                                                                     q.size(1) > k.size(1));
        z.index_copy_(0, indexes(members.queries, q), out.transpose(1, 2).flatten(0, 1));
    }
    return z;
}

}  // namespace microtome
