#include "hooks/sweep/columns.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/kernels/logit_metric.h"

namespace microtome {
namespace {

template <class Node, class Visit>
void walk(Node& node, const Visit& visit) {
    visit(node);
    for (Node& part : node.parts) walk(part, visit);
}

bool reads_single_logits(const MetricExpression& expression) {
    using Kind = MetricNode::Kind;
    bool single = true;
    auto copy = expression;
    walk(copy.root, [&](const MetricNode& node) {
        for (Kind kind : {Kind::prob, Kind::logprob, Kind::logsumexp, Kind::rank, Kind::kl}) single = single && node.kind != kind;
        for (const TokenRef& token : node.tokens) single = single && token.kind != TokenRef::Kind::all;
    });
    return single;
}

}  // namespace

Tensor narrow_logits(const NarrowEnd& narrow, const Tensor& x, const Tap& tap) {
    const Transformer& end = narrow.end;
    bool watched = false;
    for (Site site : {Site::ln_final_scale, Site::ln_final_normalized, Site::unembed_in, Site::unembed_out})
        watched = watched || tap.wants(site);
    if (watched || !x.is_cuda()) return end.logits(x, tap);
    const NormLayer& norm = end.ln_final;
    Tensor factor = norm.weight.defined() && norm.offset != 0 ? norm.weight + norm.offset : norm.weight;
    return logit_columns(x[0], {norm.kind != Norm::none, norm.kind == Norm::layer, norm.eps, factor, norm.bias}, end.unembed.weight,
                         end.unembed.bias, end.config.logit_cap)
        .unsqueeze(0);
}

std::optional<NarrowEnd> narrow_end(const Transformer& model, const Metric& metric, const std::vector<Question>& questions) {
    if (!reads_single_logits(metric.expression)) return {};
    NarrowEnd narrow{{}, metric, questions};
    std::map<std::int64_t, std::int64_t> column;
    auto take = [&](std::int64_t& id) {
        if (id < 0 || id >= model.config.d_vocab)
            throw Error("metric", "token ids from 0 to " + std::to_string(model.config.d_vocab - 1), std::to_string(id));
        id = column.emplace(id, static_cast<std::int64_t>(column.size())).first->second;
    };
    for (Question& question : narrow.questions) {
        std::for_each(question.answers.begin(), question.answers.end(), take);
        std::for_each(question.foils.begin(), question.foils.end(), take);
        for (auto& [word, id] : question.words) take(id);
    }
    walk(narrow.metric.expression.root, [&](MetricNode& node) {
        for (TokenRef& token : node.tokens)
            if (token.kind == TokenRef::Kind::id) take(token.id);
    });
    if (column.empty()) return {};
    std::vector<std::int64_t> ids(column.size());
    for (auto [id, at] : column) ids[static_cast<std::size_t>(at)] = id;
    Tensor index = at::tensor(ids, at::kLong).to(model.device());
    narrow.end.config = model.config;
    narrow.end.config.d_vocab = static_cast<int>(ids.size());
    narrow.end.W_E = model.W_E;
    narrow.end.ln_final = model.ln_final;
    // Rows of the transpose: torch picks columns out of a dense copy of the whole matrix.
    narrow.end.unembed.weight = model.unembed.weight.t().index_select(0, index).t();
    if (model.unembed.bias.defined()) narrow.end.unembed.bias = model.unembed.bias.index_select(0, index);
    return narrow;
}

}  // namespace microtome
