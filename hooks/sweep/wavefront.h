// One chunk of rows on its way through the layers.
#pragma once

#include "core/models/packed.h"
#include "hooks/sweep/packed_tap.h"

namespace microtome {

/// What all chunks of a group share: the base run, and which positions count at the end.
class SweepBase {
  public:
    SweepBase(const Transformer& model, const PatchSweep& sweep, const PatchGroup& group, const MetricPositions& read)
        : model(model), sweep(sweep), group(group), read(read) {}

    const Transformer& model;
    const PatchSweep& sweep;
    const PatchGroup& group;
    const MetricPositions& read;

    /// A site of the base run as (pair · length, …).
    const Tensor& flat(SiteRef ref) const;

  private:
    mutable std::map<int, Tensor> flat_;
};

class Wavefront {
  public:
    Wavefront(const SweepBase& base, const SweepChunk& chunk);

    /// False if stopped before the end.
    bool run(const Progress& progress);
    /// The rows as they went, twins included.
    const std::vector<SweepRow>& rows() const { return rows_; }
    /// Stream after the last layer at `positions` (rows, n) of these rows: (1, rows · n, d_model).
    Tensor residual(const std::vector<std::size_t>& which, const Tensor& positions) const;
    PackedTap& tap() { return tap_; }

  private:
    struct Entered {
        Tensor tokens, queries;  // flat indexes of the rows that just entered; undefined: none
        std::size_t first_row;
    };
    Entered enter(int layer, Stage stage);
    std::vector<std::int64_t> positions_of(const SweepRow& row, bool narrow) const;
    std::vector<std::int64_t> early_of(const SweepRow& row, int layer, Stage stage) const;
    Tensor askers() const;
    Attention::Heads project(const Attention& attention, const AttentionInputs& in) const;
    void join(Attention::Heads& heads);
    void grow(Tensor& live, SiteRef ref, const Tensor& flat) const;
    Tensor index(const std::vector<std::int64_t>& list) const;
    void pack();
    void run_layer(int layer);
    Tensor attend(int layer, const Block& block, const Tap& tap);

    const SweepBase& base_;
    const SweepChunk& chunk_;
    std::size_t next_ = 0;  // of the chunk
    int last_layer_, layer_ = 0;
    std::vector<SweepRow> rows_;
    std::int64_t asked_ = 0;  // tokens of all rows, once they have joined
    std::size_t joined_ = 0;  // rows before it have all their tokens here; the others those that a slice has changed
    TokenList tokens_, queries_;
    PackedTap tap_;
    PackedRows packed_;
    Context context_;
    Tensor x_;  // (1, tokens, d_model)
};

}  // namespace microtome
