#include "analyses/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

namespace microtome {
namespace {

constexpr double outside = 0.025;  // on either side of the interval
constexpr std::size_t lanes = 16;  // cells that are summed together, in registers

std::vector<double> sums_of(const Resamples& resamples, const std::vector<double>& numbers) {
    std::vector<double> sums;
    for (const auto& draw : resamples.draws()) {
        double sum = 0;
        for (const auto& [pair, count] : draw) sum += count * numbers[pair];
        sums.push_back(sum);
    }
    return sums;
}

}  // namespace

Resamples::Resamples(std::size_t n, int times, std::uint64_t seed) : n_(n) {
    std::mt19937_64 random(seed);
    std::vector<double> counts;
    for (int i = 0; i < times; ++i) {
        counts.assign(n, 0);
        for (std::size_t draw = 0; draw < n; ++draw) counts[random() % n] += 1;
        draws_.emplace_back();
        for (std::size_t pair = 0; pair < n; ++pair)
            if (counts[pair] > 0) draws_.back().push_back({pair, counts[pair]});
    }
}

double quantile(std::vector<double>& x, double p) {
    const double at = p * static_cast<double>(x.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const auto middle = x.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(x.begin(), middle, x.end());
    const double low = *middle;
    if (below + 1 == x.size()) return low;
    return low + (at - static_cast<double>(below)) * (*std::min_element(middle + 1, x.end()) - low);
}

std::vector<Interval> bootstrap(const Resamples& resamples, const std::vector<double>& tops, const std::vector<double>& bottoms) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    const std::size_t pairs = resamples.n(), cells = pairs ? tops.size() / pairs : 0;
    std::vector<Interval> intervals(cells, {none, none});
    const std::vector<double> below = sums_of(resamples, bottoms);
    std::vector<std::size_t> usable;
    for (std::size_t i = 0; i < below.size(); ++i)
        if (below[i] != 0) usable.push_back(i);
    if (pairs < 2 || usable.size() < 2) return intervals;
    std::vector<double> block(pairs * lanes);
    std::array<std::vector<double>, lanes> ratios;
    for (auto& r : ratios) r.resize(usable.size());
    for (std::size_t first = 0; first < cells; first += lanes) {
        const std::size_t count = std::min(lanes, cells - first);
        for (std::size_t pair = 0; pair < pairs; ++pair)
            for (std::size_t i = 0; i < count; ++i) block[pair * lanes + i] = tops[pair * cells + first + i];
        for (std::size_t u = 0; u < usable.size(); ++u) {
            std::array<double, lanes> sum{};
            for (const auto& [pair, times] : resamples.draws()[usable[u]]) {
                const double* row = &block[pair * lanes];
                for (std::size_t i = 0; i < lanes; ++i) sum[i] += times * row[i];
            }
            for (std::size_t i = 0; i < lanes; ++i) ratios[i][u] = sum[i] / below[usable[u]];
        }
        for (std::size_t i = 0; i < count; ++i)
            if (std::none_of(ratios[i].begin(), ratios[i].end(), [](double x) { return std::isnan(x); }))
                intervals[first + i] = {quantile(ratios[i], outside), quantile(ratios[i], 1 - outside)};
    }
    return intervals;
}

}  // namespace microtome
