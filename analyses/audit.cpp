#include "analyses/audit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

namespace microtome {
namespace {

constexpr int deciles = 10;

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
    const auto n = static_cast<double>(x.size());
    const double mx = std::accumulate(x.begin(), x.end(), 0.0) / n, my = std::accumulate(y.begin(), y.end(), 0.0) / n;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        xy += (x[i] - mx) * (y[i] - my), xx += (x[i] - mx) * (x[i] - mx), yy += (y[i] - my) * (y[i] - my);
    return x.size() < 2 || xx == 0 || yy == 0 ? std::nan("") : xy / std::sqrt(xx * yy);
}

// Ties share their mean rank.
std::vector<double> ranks(const std::vector<double>& x) {
    std::vector<std::size_t> order(x.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
    std::vector<double> rank(x.size());
    for (std::size_t first = 0, last; first < order.size(); first = last) {
        for (last = first + 1; last < order.size() && x[order[last]] == x[order[first]];) ++last;
        for (std::size_t i = first; i < last; ++i) rank[order[i]] = static_cast<double>(first + last - 1) / 2;
    }
    return rank;
}

struct Counts {
    std::int64_t sampled = 0, trusted = 0;
    double largest_error = 0;
};

std::array<Counts, deciles> count(const AuditPlan& plan, const Audit& audit, const std::vector<double>& scores,
                                  const std::vector<double>& exact) {
    std::array<Counts, deciles> counts;
    for (std::size_t i = 0; i < plan.sample.size(); ++i) {
        Counts& c = counts[static_cast<std::size_t>(plan.stratum[plan.sample[i]].second)];
        ++c.sampled;
        c.trusted += audit.trusted[i];
        if (!scores.empty()) c.largest_error = std::max(c.largest_error, std::abs(scores[i] - exact[i]));
    }
    return counts;
}

}  // namespace

AuditPlan plan_audit(const std::vector<double>& scores, const std::vector<int>& layers, std::size_t most, std::uint64_t seed) {
    AuditPlan plan;
    const std::size_t n = scores.size();
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(scores[a]) < std::abs(scores[b]); });
    plan.stratum.resize(n);
    std::array<std::vector<std::size_t>, deciles> cells;
    for (std::size_t rank = 0; rank < n; ++rank) {
        const auto decile = static_cast<int>(rank * deciles / n);
        plan.stratum[order[rank]] = {layers[order[rank]], decile};
        cells[static_cast<std::size_t>(decile)].push_back(order[rank]);
    }
    std::mt19937_64 draw(seed);
    for (auto& decile : cells) {
        // Shuffled, then dealt out layer by layer: the first ones taken are of different layers.
        for (std::size_t i = decile.size(); i > 1; --i) std::swap(decile[i - 1], decile[draw() % i]);
        std::vector<std::pair<int, std::size_t>> turn;  // how many of its layer came before it
        std::vector<std::pair<int, int>> seen;
        for (std::size_t cell : decile) {
            auto at = std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return s.first == layers[cell]; });
            if (at == seen.end()) at = seen.insert(seen.end(), {layers[cell], 0});
            turn.emplace_back(at->second++, cell);
        }
        std::stable_sort(turn.begin(), turn.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (std::size_t i = 0; i < turn.size(); ++i) decile[i] = turn[i].second;
    }
    for (std::size_t round = 0; plan.sample.size() < std::min(most, n); ++round)
        for (const auto& decile : cells)
            if (round < decile.size() && plan.sample.size() < most) plan.sample.push_back(decile[round]);
    std::sort(plan.sample.begin(), plan.sample.end());
    return plan;
}

Audit judge(const std::vector<double>& scores, const std::vector<double>& exact) {
    Audit audit;
    if (exact.empty()) return audit;
    const auto [low, high] = std::minmax_element(exact.begin(), exact.end());
    const double floor = 0.05 * (*high - *low);
    std::size_t trusted = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double error = std::abs(scores[i] - exact[i]);
        // NOTE: between values that are both next to nothing, a sign says nothing.
        const bool same_sign = (scores[i] >= 0) == (exact[i] >= 0) || std::max(std::abs(scores[i]), std::abs(exact[i])) <= 0.25 * floor;
        audit.trusted.push_back(same_sign && error <= 0.25 * std::max(std::abs(exact[i]), floor));
        trusted += audit.trusted.back();
        audit.largest_error = std::max(audit.largest_error, error);
    }
    audit.trusted_share = static_cast<double>(trusted) / static_cast<double>(exact.size());
    audit.pearson = correlation(scores, exact);
    audit.spearman = correlation(ranks(scores), ranks(exact));
    return audit;
}

Table strata_table(const AuditPlan& plan, const Audit& audit, const std::vector<double>& scores, const std::vector<double>& exact) {
    Table table;
    table.columns = {{"decile", ""}, {"cells", ""}, {"sampled", ""}, {"trusted", ""}, {"largest_error", ""}};
    std::array<std::int64_t, deciles> all{};
    for (const auto& [layer, decile] : plan.stratum) ++all[static_cast<std::size_t>(decile)];
    const auto counts = count(plan, audit, scores, exact);
    for (std::size_t d = 0; d < deciles; ++d)
        if (all[d] > 0)
            table.rows.push_back({static_cast<std::int64_t>(d + 1), all[d], counts[d].sampled, counts[d].trusted, counts[d].largest_error});
    return table;
}

std::vector<double> stratum_rates(const AuditPlan& plan, const Audit& audit) {
    const auto of_decile = count(plan, audit, {}, {});
    std::map<std::pair<int, int>, Counts> of_stratum;
    for (std::size_t i = 0; i < plan.sample.size(); ++i) {
        Counts& c = of_stratum[plan.stratum[plan.sample[i]]];
        ++c.sampled, c.trusted += audit.trusted[i];
    }
    std::vector<double> rates;
    for (const auto& stratum : plan.stratum) {
        const auto own = of_stratum.find(stratum);
        const bool enough = own != of_stratum.end() && own->second.sampled >= enough_of_a_stratum;
        const Counts& c = enough ? own->second : of_decile[static_cast<std::size_t>(stratum.second)];
        rates.push_back(c.sampled ? static_cast<double>(c.trusted) / static_cast<double>(c.sampled) : std::nan(""));
    }
    return rates;
}

}  // namespace microtome
