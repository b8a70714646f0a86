#include "hooks/patching.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

// The part of a site's activation of one prompt (batch axis gone) that a cell replaces.
Tensor slice_of(Tensor x, const PatchSlice& cell, const std::vector<std::int64_t>* place, const std::vector<std::int64_t>* from) {
    auto index = [&](Tensor y, const std::vector<std::int64_t>& at, int axis) {
        if (at.size() == 1) return y.narrow(axis, at[0], 1);
        if (at.back() - at.front() + 1 == static_cast<std::int64_t>(at.size()))
            return y.narrow(axis, at.front(), static_cast<std::int64_t>(at.size()));
        throw Error("positions", "a run of neighbouring positions", "a gap");
    };
    bool scores = cell.ref.site == Site::pattern || cell.ref.site == Site::attn_scores;  // (head, destination, source)
    int head_axis = scores ? 0 : 1, place_axis = scores ? 1 : 0;
    if (cell.head >= 0) x = x.narrow(head_axis, cell.head, 1);
    if (place) x = index(x, *place, place_axis);
    if (from) x = index(x, *from, 2);
    return x;
}

struct Row {
    std::size_t cell, pair;
};

// Pairs of one length run together.
struct Group {
    std::vector<std::size_t> pairs;
    Tensor base, source;           // ids (pair, pos)
    std::map<int, Tensor> values;  // by site and layer: activations of the source run (pair, …)
    std::map<int, Tensor> before;  // of the base run
};

int key_of(SiteRef ref) {
    return ref.layer * 64 + static_cast<int>(ref.site);
}

class Patcher : public SiteHandler {
  public:
    Patcher(const PatchSweep& sweep, const Group& group, const std::vector<Row>& rows) : sweep_(sweep), group_(group), rows_(rows) {}

    bool wants(SiteRef ref) const override {
        return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return sweep_.cells[row.cell].ref == ref; });
    }
    Tensor see(SiteRef ref, Tensor x) override {
        Tensor y = x.clone();
        const Tensor& source = group_.values.at(key_of(ref));
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const PatchSlice& cell = sweep_.cells[rows_[i].cell];
            if (!(cell.ref == ref)) continue;
            auto [place, from] = places(rows_[i]);
            slice_of(y.select(0, static_cast<std::int64_t>(i)), cell, place, from)
                .copy_(slice_of(source.select(0, static_cast<std::int64_t>(rows_[i].pair)), cell, place, from));
        }
        return y;
    }

  private:
    std::pair<const std::vector<std::int64_t>*, const std::vector<std::int64_t>*> places(const Row& row) const {
        const PatchSlice& cell = sweep_.cells[row.cell];
        std::size_t pair = group_.pairs[row.pair];
        auto at = [&](int place) { return place < 0 ? nullptr : &sweep_.places[static_cast<std::size_t>(place)][pair]; };
        return {at(cell.place), at(cell.from)};
    }

    const PatchSweep& sweep_;
    const Group& group_;
    const std::vector<Row>& rows_;
};

class Loop {
  public:
    Loop(const Transformer& model, const PatchSweep& sweep) : model_(model), sweep_(sweep) {
        out_.values.resize(sweep.cells.size());
        out_.base.resize(sweep.pairs.size());
        out_.source.resize(sweep.pairs.size());
        for (const PatchSlice& cell : sweep.cells)
            if (std::find(sites_.begin(), sites_.end(), cell.ref) == sites_.end()) sites_.push_back(cell.ref);
        questions_.resize(sweep.pairs.size());
        for (std::size_t i = 0; i < sweep.pairs.size(); ++i) questions_[i] = sweep.pairs[i].question;
    }

    PatchOutcome run(Progress& progress, const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_cells) {
        make_groups();
        for (Group& group : groups_) baselines(group);
        std::size_t longest = 0, pairs = sweep_.pairs.size();
        for (const PatchPair& pair : sweep_.pairs) longest = std::max(longest, pair.base.size());
        std::size_t rows = std::max<std::size_t>(1, static_cast<std::size_t>(sweep_.batch_tokens) / longest),
                    step = std::max<std::size_t>(1, rows / pairs);
        auto total = static_cast<std::int64_t>(sweep_.cells.size());
        for (std::size_t first = 0; first < sweep_.cells.size() && !progress.stopped(); first += step) {
            std::size_t last = std::min(first + step, sweep_.cells.size());
            if (!run_cells(first, last, rows, progress)) break;
            progress.step(static_cast<std::int64_t>(last), total, "cells");
            if (on_cells) on_cells(out_, first, last);
        }
        return std::move(out_);
    }

  private:
    void make_groups() {
        std::map<std::size_t, Group> by_length;
        for (std::size_t i = 0; i < sweep_.pairs.size(); ++i) by_length[sweep_.pairs[i].base.size()].pairs.push_back(i);
        for (auto& [length, group] : by_length) {
            std::vector<std::vector<std::int64_t>> base, source;
            for (std::size_t i : group.pairs) {
                base.push_back(sweep_.pairs[i].base);
                source.push_back(sweep_.pairs[i].source);
                if (base.back().size() != source.back().size())
                    throw Error("pair " + std::to_string(i + 1), "a clean and a corrupted prompt of equal length in tokens",
                                std::to_string(source.back().size()) + " and " + std::to_string(base.back().size()));
            }
            group.base = ids_tensor(base);
            group.source = ids_tensor(source);
            groups_.push_back(std::move(group));
        }
    }

    // Both unpatched runs of a group, with the sites that will be patched.
    void baselines(Group& group) {
        std::vector<const Question*> asked;
        for (std::size_t i : group.pairs) asked.push_back(&questions_[i]);
        MetricBatch reading(sweep_.metric, asked, group.base.size(1));
        Tensor logits[2];
        for (int side = 0; side < 2; ++side) {
            if (sweep_.always) sweep_.always->enter({side == 0 ? group.base : group.source, group.pairs});
            Recorder recorder(sites_);
            Chain chain({sweep_.always, &recorder});
            logits[side] = logits_at(model_, side == 0 ? group.base : group.source, &chain, reading.positions());
            for (SiteRef ref : sites_) (side == 0 ? group.before : group.values)[key_of(ref)] = recorder.at(ref);
            out_.forward_rows += group.base.size(0);
        }
        const Tensor& clean = logits[sweep_.source_is_clean ? 1 : 0];
        if (sweep_.metric.needs_clean())
            for (std::size_t i = 0; i < group.pairs.size(); ++i)
                questions_[group.pairs[i]].clean_logits = clean[static_cast<std::int64_t>(i)].narrow(0, 0, reading.count(i)).clone();
        auto base = numbers_of(reading(logits[0])), source = numbers_of(reading(logits[1]));
        for (std::size_t i = 0; i < group.pairs.size(); ++i) {
            out_.base[group.pairs[i]] = base[i];
            out_.source[group.pairs[i]] = source[i];
        }
    }

    bool unchanged(const Group& group, const Row& row) const {
        const PatchSlice& cell = sweep_.cells[row.cell];
        auto at = [&](int place) { return place < 0 ? nullptr : &sweep_.places[static_cast<std::size_t>(place)][group.pairs[row.pair]]; };
        auto part = [&](const std::map<int, Tensor>& values) {
            return slice_of(values.at(key_of(cell.ref)).select(0, static_cast<std::int64_t>(row.pair)), cell, at(cell.place),
                            at(cell.from));
        };
        return part(group.values).equal(part(group.before));
    }

    // False if it was stopped before these cells were finished.
    bool run_cells(std::size_t first, std::size_t last, std::size_t most_rows, const Progress& progress) {
        std::vector<std::vector<double>> values(last - first, std::vector<double>(sweep_.pairs.size()));
        for (const Group& group : groups_) {
            std::vector<Row> rows;
            for (std::size_t cell = first; cell < last; ++cell)
                for (std::size_t pair = 0; pair < group.pairs.size(); ++pair) {
                    Row row{cell, pair};
                    if (sweep_.skip_unchanged && unchanged(group, row))
                        values[cell - first][group.pairs[pair]] = out_.base[group.pairs[pair]];
                    else
                        rows.push_back(row);
                }
            for (std::size_t at = 0; at < rows.size(); at += most_rows) {
                if (progress.stopped()) return false;
                std::vector<Row> part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                      rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + most_rows, rows.size())));
                run_rows(group, part, values, first);
            }
        }
        for (std::size_t cell = first; cell < last; ++cell) out_.values[cell] = std::move(values[cell - first]);
        return true;
    }

    void run_rows(const Group& group, const std::vector<Row>& rows, std::vector<std::vector<double>>& values, std::size_t first) {
        std::vector<std::int64_t> which;
        std::vector<std::size_t> pairs;
        std::vector<const Question*> asked;
        for (const Row& row : rows) {
            which.push_back(static_cast<std::int64_t>(row.pair));
            pairs.push_back(group.pairs[row.pair]);
            asked.push_back(&questions_[group.pairs[row.pair]]);
        }
        Patcher patcher(sweep_, group, rows);
        Chain chain({sweep_.always, &patcher});
        Tensor ids = group.base.index_select(0, at::tensor(which, at::kLong));
        if (sweep_.always) sweep_.always->enter({ids, pairs});
        MetricBatch reading(sweep_.metric, asked, ids.size(1));
        auto measured = numbers_of(reading(logits_at(model_, ids, &chain, reading.positions())));
        for (std::size_t i = 0; i < rows.size(); ++i) values[rows[i].cell - first][group.pairs[rows[i].pair]] = measured[i];
        out_.forward_rows += static_cast<std::int64_t>(rows.size());
    }

    const Transformer& model_;
    const PatchSweep& sweep_;
    std::vector<SiteRef> sites_;
    std::vector<Question> questions_;
    std::vector<Group> groups_;
    PatchOutcome out_;
};

}  // namespace

Tensor logits_at(const Transformer& model, const Tensor& ids, SiteHandler* handler, const Tensor& positions) {
    Tap tap = handler ? Tap(*handler) : Tap();
    Tensor residual = model.residual(ids, tap);
    std::int64_t n = positions.size(1);
    auto take = [&](const Tensor& x) { return x.gather(1, positions.to(x.device()).unsqueeze(-1).expand({-1, -1, x.size(-1)})); };
    bool watched = false;  // a handler of the last sites counts positions in the whole prompt
    for (Site site : {Site::ln_final_scale, Site::ln_final_normalized, Site::unembed_in, Site::unembed_out})
        watched = watched || tap.wants(site);
    if (watched) return take(model.logits(residual, tap));
    Tensor there = take(residual);
    if (there.size(0) * n > 1) return model.logits(there);
    return model.logits(at::cat({there, there}, 1)).narrow(1, 0, 1);
}

Tensor last_logits(const Transformer& model, const Tensor& ids, SiteHandler* handler) {
    return logits_at(model, ids, handler, at::full({ids.size(0), 1}, ids.size(1) - 1, at::kLong)).select(1, 0);
}

PatchOutcome patch_loop(const Transformer& model, const PatchSweep& sweep, Progress& progress,
                        const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_cells) {
    c10::AutoGradMode without_gradients(false);
    if (sweep.pairs.empty()) throw Error("prompts", "at least one pair", "none");
    return Loop(model, sweep).run(progress, on_cells);
}

}  // namespace microtome
