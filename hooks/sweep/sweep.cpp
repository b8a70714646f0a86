#include "hooks/sweep/sweep.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/kept_heap.h"
#include "hooks/shared_parts.h"
#include "hooks/sweep/columns.h"
#include "hooks/sweep/wavefront.h"

namespace microtome {
namespace {

constexpr std::int64_t most_logits = std::int64_t{1} << 23;  // held at once, at the end of a chunk

MetricPositions metric_positions(const PatchSweep& sweep, const PatchGroup& group, const std::vector<Question>& questions) {
    std::vector<const Question*> asked;
    for (std::size_t pair : group.pairs) asked.push_back(&questions[pair]);
    MetricBatch reading(sweep.metric, asked, group.length());
    MetricPositions read;
    for (std::size_t i = 0; i < group.pairs.size(); ++i) {
        const auto* row = reading.positions()[static_cast<std::int64_t>(i)].const_data_ptr<std::int64_t>();
        read.emplace_back(row, row + reading.count(i));
    }
    return read;
}

class Sweep {
  public:
    Sweep(const Transformer& model, const PatchSweep& sweep)
        : model_(model),
          sweep_(sweep),
          runs_(run_unpatched(model, sweep, entry_sites(model.config, sweep), true)),
          out_(runs_.outcome),
          narrow_(narrow_end(model, sweep.metric, runs_.questions)),
          pending_(sweep.cells.size(), out_.base),
          left_(sweep.cells.size()) {
        for (const PatchGroup& group : runs_.groups) {
            read_.push_back(metric_positions(sweep, group, runs_.questions));
            chunks_.push_back(plan_sweep(model.config, sweep, group, read_.back(), left_));
        }
    }

    PatchOutcome run(Progress& progress, const OnCells& on_cells) {
        std::vector<std::size_t> finished;
        for (std::size_t cell = 0; cell < left_.size(); ++cell)
            if (left_[cell] == 0) finished.push_back(cell);
        finish(finished, progress, on_cells);
        std::vector<SweepBase> bases;
        for (std::size_t g = 0; g < runs_.groups.size(); ++g) bases.emplace_back(model_, sweep_, runs_.groups[g], read_[g]);
        const auto chunks = order();
        const auto run_chunk = [&](std::size_t part) -> std::optional<PartValues> {
            const auto [group, chunk] = chunks[part];
            Wavefront wave(bases[group], chunks_[group][chunk]);
            if (!wave.run(progress)) return {};
            return measure(bases[group], wave);
        };
        const bool whole = share_parts(sweep_.ranks, chunks.size(), progress, run_chunk,
                                       [&](const PartValues& part) { finish(take(part), progress, on_cells); });
        if (whole) share_outcome(sweep_.ranks, out_);
        return std::move(out_);
    }

  private:
    // Chunks of all groups, abreast, so that cells are finished on the way.
    std::vector<std::pair<std::size_t, std::size_t>> order() const {
        std::vector<std::tuple<double, std::size_t, std::size_t>> all;
        for (std::size_t g = 0; g < chunks_.size(); ++g)
            for (std::size_t i = 0; i < chunks_[g].size(); ++i)
                all.emplace_back(static_cast<double>(i + 1) / static_cast<double>(chunks_[g].size()), g, i);
        std::sort(all.begin(), all.end());
        std::vector<std::pair<std::size_t, std::size_t>> out;
        for (auto [when, g, i] : all) out.emplace_back(g, i);
        return out;
    }

    void finish(const std::vector<std::size_t>& cells, Progress& progress, const OnCells& on_cells) {
        for (std::size_t cell : cells) out_.values[cell] = std::move(pending_[cell]);
        done_ += static_cast<std::int64_t>(cells.size());
        progress.step(done_, static_cast<std::int64_t>(left_.size()), "cells");
        if (on_cells && !cells.empty()) on_cells(out_, cells);
    }

    // The rows of a chunk; which cells that finishes.
    std::vector<std::size_t> take(const PartValues& part) {
        std::vector<std::size_t> finished;
        ++out_.chunks;
        out_.forward_rows += part.rows;
        for (const CellValue& value : part.values) {
            pending_[value.cell][value.pair] = value.value;
            if (--left_[value.cell] == 0) finished.push_back(value.cell);
        }
        std::sort(finished.begin(), finished.end());
        return finished;
    }

    // The metric of a chunk's rows.
    PartValues measure(const SweepBase& base, Wavefront& wave) const {
        std::vector<std::size_t> rows;
        for (std::size_t i = 0; i < wave.rows().size(); ++i)
            if (!wave.rows()[i].twin) rows.push_back(i);
        PartValues out{static_cast<std::int64_t>(rows.size()), {}};
        std::size_t reads = 1;
        for (const auto& read : base.read) reads = std::max(reads, read.size());
        bool whole = !narrow_ || wave.tap().wants({Site::unembed_out, -1});
        std::int64_t width = whole ? model_.config.d_vocab : narrow_->end.config.d_vocab;
        auto most = static_cast<std::size_t>(std::max<std::int64_t>(2, most_logits / (width * static_cast<std::int64_t>(reads))));
        std::size_t parts = (rows.size() + most - 1) / most, size = (rows.size() + parts - 1) / parts;
        for (std::size_t at = 0; at < rows.size(); at += size) {
            std::vector<std::size_t> part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                          rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, rows.size())));
            auto values = measure(base, wave, part, whole);
            for (std::size_t i = 0; i < part.size(); ++i) {
                const SweepRow& row = wave.rows()[part[i]];
                out.values.push_back({row.cell, base.group.pairs[row.pair], values[i]});
            }
        }
        return out;
    }

    std::vector<double> measure(const SweepBase& base, Wavefront& wave, const std::vector<std::size_t>& rows, bool whole) const {
        const std::vector<Question>& questions = whole ? runs_.questions : narrow_->questions;
        std::vector<const Question*> asked;
        for (std::size_t row : rows) asked.push_back(&questions[base.group.pairs[wave.rows()[row].pair]]);
        MetricBatch reading(whole ? sweep_.metric : narrow_->metric, asked, base.group.length());
        const Tensor& positions = reading.positions();
        Tensor x = wave.residual(rows, positions);
        std::int64_t n = positions.numel();
        if (n == 1) x = at::cat({x, x}, 1);  // a product of one row has other bits
        TokenList end;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto* row = positions[static_cast<std::int64_t>(i)].const_data_ptr<std::int64_t>();
            end.add(rows[i], wave.rows()[rows[i]].pair, {row, row + positions.size(1)}, base.group.length());
        }
        wave.tap().look_at(end, end);
        const Tap tap(wave.tap());
        Tensor logits = (whole ? model_.logits(x, tap) : narrow_logits(*narrow_, x, tap)).narrow(1, 0, n);
        return numbers_of(reading(logits.view({positions.size(0), positions.size(1), logits.size(-1)})));
    }

    const Transformer& model_;
    const PatchSweep& sweep_;
    PatchRuns runs_;
    PatchOutcome& out_;
    std::optional<NarrowEnd> narrow_;
    std::vector<std::vector<double>> pending_;  // [cell][pair]; the baseline where no row runs
    std::vector<std::size_t> left_;             // rows of each cell that are to be run
    std::vector<MetricPositions> read_;         // of each group
    std::vector<std::vector<SweepChunk>> chunks_;
    std::int64_t done_ = 0;
};

// Values of one token at a site.
std::int64_t width_of(const ModelConfig& c, SiteRef ref, std::int64_t length) {
    std::int64_t width = 1;
    for (char axis : std::string_view(info(ref.site).axes))
        width *= axis == 'h'   ? c.n_heads
                 : axis == 'k' ? c.n_kv_heads
                 : axis == 'e' ? c.d_head
                 : axis == 'm' ? c.d_model
                 : axis == 'f' ? c.d_mlp
                 : axis == 'v' ? c.d_vocab
                               : 1;
    return is_score(ref.site) ? c.n_heads * length : width;
}

}  // namespace

std::int64_t sweep_bytes(const Transformer& model, const PatchSweep& sweep) {
    const ModelConfig& c = model.config;
    std::set<int> patched;
    std::int64_t tokens = 0, longest = 1, kept = 0, size = static_cast<std::int64_t>(at::elementSize(model.dtype()));
    for (const PatchPair& pair : sweep.pairs) {
        tokens += static_cast<std::int64_t>(pair.base.size());
        longest = std::max(longest, static_cast<std::int64_t>(pair.base.size()));
    }
    for (const PatchCell& cell : sweep.cells)
        for (const PatchSlice& slice : cell)
            if (patched.insert(site_key(slice.ref)).second) kept += 2 * width_of(c, slice.ref, longest);  // there and put in
    for (SiteRef ref : entry_sites(c, sweep)) kept += patched.count(site_key(ref)) ? 0 : width_of(c, ref, longest);
    kept += 4 * std::int64_t{c.n_layers} * c.n_kv_heads * c.d_head;  // keys and values of both runs
    std::int64_t live = 6 * c.d_model + 3 * c.d_mlp + 4 * c.n_heads * c.d_head,
                 logits = 32 * std::min(most_logits, std::max(sweep.batch_tokens, longest) * c.d_vocab);
    return (tokens * kept + std::max(sweep.batch_tokens, longest) * live) * size + logits;
}

PatchOutcome patch_sweep(const Transformer& model, const PatchSweep& sweep, Progress& progress, const OnCells& on_cells) {
    if (sweep.always) throw Error("sweep", "no interventions that hold in every run", "some");
    c10::AutoGradMode without_gradients(false);
    const KeptHeap heap;
    return Sweep(model, sweep).run(progress, on_cells);
}

}  // namespace microtome
