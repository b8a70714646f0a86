// Puts the cells' slices into packed rows as these pass the sites.
#pragma once

#include <map>
#include <vector>

#include "core/tap.h"
#include "hooks/sweep/plan.h"

namespace microtome {

/// Tokens of rows behind each other.
struct TokenList {
    std::vector<std::size_t> rows;       // indexes into the chunk's rows
    std::vector<std::int64_t> first{0};  // (rows + 1)
    std::vector<std::int64_t> position;  // (tokens)
    std::vector<std::int64_t> flat;      // (tokens): pair · length + position

    std::int64_t size() const { return static_cast<std::int64_t>(position.size()); }
    void add(std::size_t row, std::size_t pair, const std::vector<std::int64_t>& positions, std::int64_t length);
    /// Keeps the first `slots` rows.
    void cut(std::size_t slots);
};

class PackedTap : public SiteHandler {
  public:
    PackedTap(const PatchSweep& sweep, const PatchGroup& group, const std::vector<SweepRow>& rows);

    /// A row has entered: its slices are put in from now on.
    void enter(std::size_t row);
    /// `tokens`: what keys and values are made of; `queries`: what goes on after attention. They outlive the calls.
    void look_at(const TokenList& tokens, const TokenList& queries) { tokens_ = &tokens, queries_ = &queries; }

    bool wants(SiteRef ref) const override { return wanted_.count(site_key(ref)) > 0; }
    Tensor see(SiteRef ref, Tensor x) override;

  private:
    struct Put;
    Put gather(SiteRef ref, const TokenList& list) const;

    const PatchSweep& sweep_;
    const PatchGroup& group_;
    const std::vector<SweepRow>& rows_;
    std::map<int, int> wanted_;  // by site_key: how many slices
    const TokenList *tokens_ = nullptr, *queries_ = nullptr;
};

/// Does the row enter its layer with mixed values that were made from a patched pattern?
bool enters_with_pattern(const SweepRow& row, const PatchSlice& slice);

}  // namespace microtome
