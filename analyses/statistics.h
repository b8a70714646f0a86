// Numbers over pairs.
#pragma once

#include <cmath>
#include <numeric>
#include <vector>

namespace microtome {

inline double mean(const std::vector<double>& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

/// Of the mean, for at least two values: sd / √n, with n − 1 degrees of freedom.
inline double standard_error(const std::vector<double>& x) {
    const double m = mean(x);
    double sum = 0;
    for (double v : x) sum += (v - m) * (v - m);
    return std::sqrt(sum / static_cast<double>(x.size() - 1) / static_cast<double>(x.size()));
}

}  // namespace microtome
