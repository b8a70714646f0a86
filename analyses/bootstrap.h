// How sure a mean over pairs, or a ratio of two means, is: intervals by the bootstrap (Efron & Tibshirani 1993, ch. 13, percentile), for
// all cells of a map at once. Pairs are drawn once for each resample, and every cell of the map is told of the same draw.
#pragma once

#include <cstdint>
#include <vector>

namespace microtome {

/// Times each of `n` pairs is drawn, in each of `times` resamples of n draws with replacement: a function of these numbers alone.
class Resamples {
  public:
    struct Drawn {
        std::size_t pair;
        double count;
    };
    Resamples(std::size_t n, int times, std::uint64_t seed);

    std::size_t n() const { return n_; }
    /// The pairs of each resample that are drawn at all, ascending.
    const std::vector<std::vector<Drawn>>& draws() const { return draws_; }

  private:
    std::size_t n_;
    std::vector<std::vector<Drawn>> draws_;
};

struct Interval {
    double low, high;
};

/// For each cell the middle 95 % of Σ top / Σ bottom over the resamples, quantiles interpolated linearly between neighbours; of a plain
/// mean, every bottom is 1. `tops`: (pair, cell), row-major. Resamples whose bottoms sum to 0 are left out. NaN for fewer than two pairs or
/// two resamples, and where a sum is not a number.
std::vector<Interval> bootstrap(const Resamples& resamples, const std::vector<double>& tops, const std::vector<double>& bottoms);

/// The part `p` of the way through sorted numbers, as numpy's `quantile` has it; reorders `x`, which is not empty.
double quantile(std::vector<double>& x, double p);

}  // namespace microtome
