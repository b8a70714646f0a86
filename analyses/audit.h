// How far an approximation can be trusted: some of its cells are computed exactly, near-zero ones included, for the known failures of
// attribution are effects that it misses. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "analyses/views/result.h"

namespace microtome {

/// Cells are sorted into strata: by layer, and in ten equal parts by the magnitude of their score.
struct AuditPlan {
    std::vector<std::size_t> sample;           // cells to compute exactly, ascending; all of them if there are few
    std::vector<std::pair<int, int>> stratum;  // of each cell: layer, decile (0: the smallest scores)
};
/// Takes `most` cells, the same number of each decile as far as they go, layers in a seeded order.
AuditPlan plan_audit(const std::vector<double>& scores, const std::vector<int>& layers, std::size_t most, std::uint64_t seed);

struct Audit {
    std::vector<bool> trusted;  // of the sample, in its order
    double trusted_share = 0;
    double spearman = 0, pearson = 0;  // NaN for fewer than two cells, or without spread
    double largest_error = 0;
};
/// A sampled cell is trusted if the sign agrees and |error| <= 0.25 max(|exact|, 5 % of the exact values' range).
/// `scores`, `exact`: changes of the metric, of the sample.
Audit judge(const std::vector<double>& scores, const std::vector<double>& exact);

/// For each decile: sampled cells, trusted ones, largest error.
Table strata_table(const AuditPlan& plan, const Audit& audit, const std::vector<double>& scores, const std::vector<double>& exact);
/// A stratum with fewer sampled cells says nothing by itself.
constexpr std::int64_t enough_of_a_stratum = 4;
/// For each cell the trusted share of what was sampled of its layer and decile, or of its decile where that is fewer than
/// enough_of_a_stratum; NaN where none was sampled.
std::vector<double> stratum_rates(const AuditPlan& plan, const Audit& audit);

}  // namespace microtome
