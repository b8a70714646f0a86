// A metric's expression, computed for a batch of prompts.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/kernels/logit_metric.h"
#include "hooks/metric.h"

namespace microtome {
namespace {

std::vector<std::int64_t> positions_of(const PlaceRef& place, const Question& question, std::int64_t length) {
    std::vector<std::int64_t> found;
    if (place.kind == PlaceRef::Kind::role) {
        auto it = question.roles.find(place.role);
        if (it == question.roles.end() || it->second.empty())
            throw Error("metric, " + to_text(place), "prompts with a span of that name", "none");
        found = it->second;
    } else if (place.kind == PlaceRef::Kind::all) {
        for (std::int64_t p = 0; p < length; ++p) found.push_back(p);
    } else {
        found = {place.kind == PlaceRef::Kind::last ? length - 1 : place.index < 0 ? place.index + length : place.index};
    }
    for (std::int64_t p : found)
        if (p < 0 || p >= length)
            throw Error("metric, position " + to_text(place), "a position within " + std::to_string(length) + " tokens", std::to_string(p));
    return found;
}

// Rows of unequal length as (rows, longest), the rest filled with each row's last.
Tensor padded(const std::vector<std::vector<std::int64_t>>& rows) {
    std::size_t most = 1;
    for (const auto& row : rows) most = std::max(most, row.size());
    Tensor out = at::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(most)}, at::kLong);
    auto* data = out.mutable_data_ptr<std::int64_t>();
    for (const auto& row : rows)
        for (std::size_t i = 0; i < most; ++i) *data++ = row[std::min(i, row.size() - 1)];
    return out;
}

// True where `padded` holds a row's own; undefined if all rows are equally long.
Tensor own(const std::vector<std::vector<std::int64_t>>& rows) {
    bool equal = std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == rows[0].size(); });
    if (equal) return {};
    std::vector<std::int64_t> counts;
    std::int64_t most = 0;
    for (const auto& row : rows) {
        counts.push_back(static_cast<std::int64_t>(row.size()));
        most = std::max(most, counts.back());
    }
    return at::arange(most, at::kLong).unsqueeze(0) < at::tensor(counts, at::kLong).unsqueeze(1);
}

}  // namespace

// Values of one row each, or one for each position of a place that stands for several.
struct Values {
    Tensor x;        // (rows, 1) or (rows, positions)
    int place = -1;  // whose positions; -1: one value a row
    Tensor own;      // as `own`
};

class MetricReader {
  public:
    MetricReader(const MetricBatch& batch, const Tensor& logits)
        : batch_(batch), logits_(logits.dim() == 2 ? logits.unsqueeze(1) : logits) {
        std::vector<std::int64_t> shape{static_cast<std::int64_t>(batch.questions_.size()), batch.positions_.size(1), logits_.size(-1)};
        if (logits_.sizes() != at::IntArrayRef(shape)) throw Error("metric", "logits " + shape_text(shape), shape_text(logits_.sizes()));
    }

    Values of(const MetricNode& node) {
        using Kind = MetricNode::Kind;
        switch (node.kind) {
            case Kind::number:
                return {at::full({1, 1}, node.number, options()), -1, {}};
            case Kind::add:
            case Kind::subtract:
            case Kind::multiply:
            case Kind::divide:
                return combined(node.kind, of(node.parts[0]), of(node.parts[1]));
            case Kind::negate: {
                Values inner = of(node.parts[0]);
                inner.x = -inner.x;
                return inner;
            }
            case Kind::mean:
                return mean(node);
            default:
                return at_place(column(node), node.place);
        }
    }

  private:
    at::TensorOptions options() const { return logits_.options().dtype(at::kDouble).requires_grad(false); }

    static Values combined(MetricNode::Kind kind, const Values& a, const Values& b) {
        if (a.place >= 0 && b.place >= 0 && a.place != b.place)
            throw Error("metric", "one number on one side of + - * / where the places of both hold several tokens (mean(…) makes one)",
                        "two places");
        const Values& shape = a.place >= 0 ? a : b;
        Tensor x = kind == MetricNode::Kind::add        ? a.x + b.x
                   : kind == MetricNode::Kind::subtract ? a.x - b.x
                   : kind == MetricNode::Kind::multiply ? a.x * b.x
                                                        : a.x / b.x;
        return {x, shape.place, shape.own};
    }

    Values mean(const MetricNode& node) {
        Tensor sum;
        for (const MetricNode& part : node.parts) {
            Values v = of(part);
            Tensor one = v.own.defined() ? at::where(v.own, v.x, 0.0).sum(1, true) / v.own.sum(1, true) : v.x.mean(1, true);
            sum = sum.defined() ? sum + one : one;
        }
        return {sum / static_cast<double>(node.parts.size()), -1, {}};
    }

    // (rows, n): the function at every position that was read.
    Tensor column(const MetricNode& node) {
        using Kind = MetricNode::Kind;
        if (node.kind == Kind::kl) return divergence();
        bool all = std::any_of(node.tokens.begin(), node.tokens.end(), [](const TokenRef& t) { return t.kind == TokenRef::Kind::all; });
        if (all && node.kind == Kind::logsumexp) return log_sum();
        if (all && node.kind == Kind::logit) return logits_.to(at::kDouble).mean(-1);
        if (all && node.kind == Kind::rank) return at::zeros({logits_.size(0), logits_.size(1)}, options());
        if (all) return at::full({logits_.size(0), logits_.size(1)}, node.kind == Kind::prob ? 1.0 : 0.0, options());
        auto sets = sets_of(node);
        Tensor ids = padded(sets).to(logits_.device()), mine = own(sets);
        Tensor wide = ids.unsqueeze(1).expand({-1, logits_.size(1), -1});
        Tensor chosen = logits_.gather(2, wide);  // (rows, n, token)
        if (mine.defined()) mine = mine.unsqueeze(1).to(logits_.device());
        if (node.kind == Kind::rank) return rank(ids, chosen);
        chosen = chosen.to(at::kDouble);
        auto only = [&](const Tensor& x, double fill) { return mine.defined() ? at::where(mine, x, fill) : x; };
        if (node.kind == Kind::logit) return mine.defined() ? only(chosen, 0).sum(-1) / mine.sum(-1) : chosen.mean(-1);
        if (node.kind == Kind::prob) return only((chosen - log_sum().unsqueeze(-1)).exp(), 0).sum(-1);
        Tensor set = only(chosen, -INFINITY).logsumexp(-1);
        return node.kind == Kind::logprob ? set - log_sum() : set;
    }

    std::vector<std::vector<std::int64_t>> sets_of(const MetricNode& node) const {
        std::int64_t vocabulary = logits_.size(2);
        std::vector<std::vector<std::int64_t>> sets;
        for (const Question* q : batch_.questions_) {
            sets.emplace_back();
            auto add = [&](const std::vector<std::int64_t>& ids) { sets.back().insert(sets.back().end(), ids.begin(), ids.end()); };
            for (const TokenRef& token : node.tokens) {
                if (token.kind == TokenRef::Kind::answer) add(q->answers);
                if (token.kind == TokenRef::Kind::foil) add(q->foils);
                if (token.kind == TokenRef::Kind::id) add({token.id});
                if (token.kind == TokenRef::Kind::text) add({q->words.at(token.text)});
            }
            if (sets.back().empty()) throw Error("metric", "at least one answer and foil where it reads them", "none");
            for (std::int64_t id : sets.back())
                if (id < 0 || id >= vocabulary)
                    throw Error("metric", "token ids from 0 to " + std::to_string(vocabulary - 1), std::to_string(id));
        }
        return sets;
    }

    const Tensor& log_sum() {
        if (log_sum_.defined()) return log_sum_;
        if (differentiable()) return log_sum_ = logits_.to(at::kDouble).logsumexp(-1);
        return log_sum_ = read_logits(logits_.flatten(0, 1)).log_sum.view({logits_.size(0), logits_.size(1)});
    }

    bool differentiable() const { return logits_.requires_grad() && c10::GradMode::is_enabled(); }

    // KL(clean ‖ this run) = Σ p (log p − log q)
    Tensor divergence() {
        if (divergence_.defined()) return divergence_;
        std::vector<Tensor> rows;
        for (const Question* q : batch_.questions_) {
            if (!q->clean_logits.defined()) throw Error("metric, kl()", "a clean run to compare with", "none");
            Tensor clean = q->clean_logits.dim() == 1 ? q->clean_logits.unsqueeze(0) : q->clean_logits;
            std::int64_t n = logits_.size(1), missing = n - clean.size(0);
            if (missing > 0) clean = at::cat({clean, clean.narrow(0, clean.size(0) - 1, 1).expand({missing, -1})});
            rows.push_back(clean.narrow(0, 0, n));
        }
        Tensor clean = at::stack(rows).to(logits_.device());
        if (!differentiable()) {
            LogitReading reading = read_logits(logits_.flatten(0, 1), clean.to(logits_.scalar_type()).flatten(0, 1));
            log_sum_ = reading.log_sum.view({logits_.size(0), logits_.size(1)});
            return divergence_ = reading.divergence.view_as(log_sum_);
        }
        Tensor log_p = clean.to(at::kDouble).log_softmax(-1);
        Tensor log_q = logits_.to(at::kDouble) - log_sum().unsqueeze(-1);
        return divergence_ = (log_p.exp() * (log_p - log_q)).sum(-1);
    }

    // How many tokens come before the best of the set; from 0, ties to the lower id.
    Tensor rank(const Tensor& ids, const Tensor& chosen) const {
        Tensor best, order = at::arange(logits_.size(2), ids.options());
        for (std::int64_t k = 0; k < ids.size(1); ++k) {
            Tensor mine = chosen.select(2, k).unsqueeze(-1), id = ids.select(1, k).view({-1, 1, 1});
            Tensor before = (logits_ > mine).logical_or((logits_ == mine).logical_and(order < id)).sum(-1);
            best = best.defined() ? at::minimum(best, before) : before;
        }
        return best.to(at::kDouble);
    }

    // (rows, n) -> the positions of one place
    Values at_place(const Tensor& x, std::size_t place) const {
        const auto& wanted = batch_.places_[place];
        std::vector<std::vector<std::int64_t>> columns;
        for (std::size_t row = 0; row < wanted.size(); ++row) {
            const auto& read = batch_.read_[row];
            columns.emplace_back();
            for (std::int64_t p : wanted[row]) columns.back().push_back(std::lower_bound(read.begin(), read.end(), p) - read.begin());
        }
        Tensor index = padded(columns), mine = own(columns);
        if (mine.defined()) mine = mine.to(x.device());
        bool several = index.size(1) > 1;
        return {x.size(1) == 1 ? x : x.gather(1, index.to(x.device())), several ? static_cast<int>(place) : -1, mine};
    }

    const MetricBatch& batch_;
    Tensor logits_, log_sum_, divergence_;
};

MetricBatch::MetricBatch(const Metric& metric, std::vector<const Question*> questions, std::int64_t length)
    : metric_(metric), questions_(std::move(questions)) {
    if (questions_.empty()) throw Error("metric", "at least one prompt", "none");
    read_.resize(questions_.size());
    for (const PlaceRef& place : metric.expression.places) {
        places_.emplace_back();
        for (std::size_t row = 0; row < questions_.size(); ++row) {
            places_.back().push_back(positions_of(place, *questions_[row], length));
            read_[row].insert(read_[row].end(), places_.back().back().begin(), places_.back().back().end());
        }
    }
    for (auto& row : read_) {
        std::sort(row.begin(), row.end());
        row.erase(std::unique(row.begin(), row.end()), row.end());
    }
    positions_ = padded(read_);
}

Tensor MetricBatch::operator()(const Tensor& logits) const {
    Values values = MetricReader(*this, logits).of(metric_.expression.root);
    if (values.place >= 0)
        throw Error("metric", "one number (mean(…) averages over positions)",
                    std::to_string(values.x.size(1)) + " positions of " +
                        to_text(metric_.expression.places[static_cast<std::size_t>(values.place)]));
    return values.x.squeeze(1);
}

}  // namespace microtome
