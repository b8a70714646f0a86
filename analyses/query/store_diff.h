// Two activation stores of the same prompts, site by site: checkpoints of a model, dtypes, processings, programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "hooks/store/store_reader.h"

namespace microtome::query {

/// Where two numbers differ. Of a site of pairs, `key` is the position attended to.
struct Spot {
    std::uint64_t prompt = 0, position = 0;
    std::int64_t key = -1;
    std::vector<std::uint64_t> index;  // in the row
    double a = 0, b = 0;
};

/// Differences are |a - b|; equal infinities and two NaNs differ by 0, other pairs with one of them by infinity.
struct SiteDiff {
    std::string name;                          // the site's key
    std::uint64_t values = 0, different = 0;   // different: by more than the tolerance
    double largest = 0, largest_relative = 0;  // relative: to the larger of |a| and |b|
    double mean = 0;                           // of the finite differences |a - b|
    double cosine = 1;                         // of all finite numbers as one vector; 1 if both are zero
    Spot at, at_relative;
};

struct StoreDiff {
    std::vector<SiteDiff> sites;
    std::vector<std::string> only_a, only_b;
    std::uint64_t prompts = 0, other_questions = 0;  // other_questions: prompts whose metrics read other tokens; 0 without gradients
    bool equal() const;
    double largest() const;
};

/// An Error that names the difference where the prompts, the kept tokens, or the shape of a site are not the same, or no site is in both.
StoreDiff diff_stores(const StoreReader& a, const StoreReader& b, double tolerance, Progress& progress);

}  // namespace microtome::query
