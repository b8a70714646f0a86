#include "hooks/patching.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/kept_heap.h"
#include "hooks/recorder.h"
#include "hooks/shared_parts.h"
#include "hooks/sweep/patch_runs.h"

namespace microtome {
namespace {

// The part of a site's activation of one prompt (batch axis gone) that a slice stands for.
Tensor slice_of(Tensor x, const PatchSlice& slice, const std::vector<std::int64_t>* place, const std::vector<std::int64_t>* from) {
    auto index = [&](Tensor y, const std::vector<std::int64_t>& at, int axis) {
        if (at.empty()) return y.narrow(axis, 0, 0);
        if (at.size() == 1) return y.narrow(axis, at[0], 1);
        if (at.back() - at.front() + 1 == static_cast<std::int64_t>(at.size()))
            return y.narrow(axis, at.front(), static_cast<std::int64_t>(at.size()));
        throw Error("positions", "a run of neighbouring positions", "a gap");
    };
    bool scores = is_score(slice.ref.site);  // (head, destination, source)
    int head_axis = scores ? 0 : 1, place_axis = scores ? 1 : 0;
    if (slice.head >= 0) x = x.narrow(head_axis, slice.head, 1);
    if (place) x = index(x, *place, place_axis);
    if (from) x = index(x, *from, 2);
    return x;
}

struct Row {
    std::size_t cell, pair;
};

class Patcher : public SiteHandler {
  public:
    Patcher(const PatchSweep& sweep, const PatchGroup& group, const std::vector<Row>& rows) : sweep_(sweep), group_(group), rows_(rows) {}

    bool wants(SiteRef ref) const override {
        return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
            const PatchCell& cell = sweep_.cells[row.cell];
            return std::any_of(cell.begin(), cell.end(), [&](const PatchSlice& slice) { return slice.ref == ref; });
        });
    }
    Tensor see(SiteRef ref, Tensor x) override {
        Tensor y = x.clone();
        const Tensor& source = group_.values.at(site_key(ref));
        for (std::size_t i = 0; i < rows_.size(); ++i)
            for (const PatchSlice& slice : sweep_.cells[rows_[i].cell]) {
                if (!(slice.ref == ref)) continue;
                std::size_t pair = group_.pairs[rows_[i].pair];
                auto part = [&](const Tensor& t, std::size_t row) {
                    return slice_of(t.select(0, static_cast<std::int64_t>(row)), slice, positions_at(sweep_, slice.place, pair),
                                    positions_at(sweep_, slice.from, pair));
                };
                part(y, i).copy_(part(source, rows_[i].pair));
            }
        return y;
    }

  private:
    const PatchSweep& sweep_;
    const PatchGroup& group_;
    const std::vector<Row>& rows_;
};

class Loop {
  public:
    Loop(const Transformer& model, const PatchSweep& sweep)
        : model_(model), sweep_(sweep), runs_(run_unpatched(model, sweep)), out_(runs_.outcome) {}

    PatchOutcome run(Progress& progress, const OnCells& on_cells) {
        std::size_t longest = 1, pairs = sweep_.pairs.size();
        for (const PatchPair& pair : sweep_.pairs) longest = std::max(longest, pair.base.size());
        std::size_t rows = std::max<std::size_t>(1, static_cast<std::size_t>(sweep_.batch_tokens) / longest),
                    step = std::max<std::size_t>(1, rows / pairs);
        share_cells(
            sweep_.ranks, out_, step, "cells", progress,
            [&](std::size_t first, std::size_t last) { return run_cells(first, last, rows, progress); },
            [&](const PatchOutcome& outcome, std::size_t first, std::size_t last) {
                std::vector<std::size_t> finished(last - first);
                std::iota(finished.begin(), finished.end(), first);
                if (on_cells) on_cells(outcome, finished);
            });
        return std::move(out_);
    }

  private:
    bool unchanged(const PatchGroup& group, const Row& row) const {
        const PatchCell& cell = sweep_.cells[row.cell];
        return std::all_of(cell.begin(), cell.end(),
                           [&](const PatchSlice& slice) { return changed_positions(sweep_, group, slice, row.pair).empty(); });
    }

    // None if it was stopped before these cells were finished.
    std::optional<PartValues> run_cells(std::size_t first, std::size_t last, std::size_t most_rows, const Progress& progress) {
        PartValues out;
        std::vector<std::vector<double>> values(last - first, std::vector<double>(sweep_.pairs.size()));
        for (const PatchGroup& group : runs_.groups) {
            std::map<std::size_t, std::vector<Row>> batches;
            for (std::size_t cell = first; cell < last; ++cell)
                for (std::size_t pair = 0; pair < group.pairs.size(); ++pair) {
                    Row row{cell, pair};
                    if (sweep_.skip_unchanged && unchanged(group, row))
                        values[cell - first][group.pairs[pair]] = out_.base[group.pairs[pair]];
                    else
                        batches[batch_kind(sweep_, cell)].push_back(row);
                }
            for (const auto& [kind, rows] : batches)
                for (std::size_t at = 0; at < rows.size(); at += most_rows) {
                    if (progress.stopped()) return {};
                    std::vector<Row> part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                          rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + most_rows, rows.size())));
                    run_rows(group, part, values, first);
                    out.rows += static_cast<std::int64_t>(part.size());
                }
        }
        for (std::size_t cell = first; cell < last; ++cell) out.add(cell, values[cell - first]);
        return out;
    }

    void run_rows(const PatchGroup& group, const std::vector<Row>& rows, std::vector<std::vector<double>>& values, std::size_t first) {
        std::vector<std::int64_t> which;
        std::vector<std::size_t> pairs;
        std::vector<const Question*> asked;
        for (const Row& row : rows) {
            which.push_back(static_cast<std::int64_t>(row.pair));
            pairs.push_back(group.pairs[row.pair]);
            asked.push_back(&runs_.questions[group.pairs[row.pair]]);
        }
        Patcher patcher(sweep_, group, rows);
        Chain chain({sweep_.always, &patcher});
        Tensor ids = group.base.index_select(0, at::tensor(which, at::kLong));
        if (sweep_.always) sweep_.always->enter({ids, pairs});
        MetricBatch reading(sweep_.metric, asked, ids.size(1));
        auto measured = numbers_of(reading(logits_at(model_, ids, &chain, reading.positions())));
        for (std::size_t i = 0; i < rows.size(); ++i) values[rows[i].cell - first][group.pairs[rows[i].pair]] = measured[i];
    }

    const Transformer& model_;
    const PatchSweep& sweep_;
    PatchRuns runs_;
    PatchOutcome& out_;
};

}  // namespace

Tensor logits_at(const Transformer& model, const Tensor& ids, SiteHandler* handler, const Tensor& positions, const Context& context) {
    Tap tap = handler ? Tap(*handler) : Tap();
    Tensor residual = model.residual(ids, tap, context);
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

PatchOutcome patch_loop(const Transformer& model, const PatchSweep& sweep, Progress& progress, const OnCells& on_cells) {
    c10::AutoGradMode without_gradients(false);
    const KeptHeap heap;
    return Loop(model, sweep).run(progress, on_cells);
}

}  // namespace microtome
