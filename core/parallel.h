// Loops over the threads that a model runs on.
#pragma once

#include <cstdint>
#include <functional>

namespace microtome {

/// f(from, to) for parts that make up [0, n), in parallel: on at::get_num_threads() threads at most, none with fewer than `grain` (>= 1) of
/// the n unless it is the last. An exception of one part is thrown on when all are done. Loops inside of f run on their own thread alone.
/// NOTE: at::parallel_for itself is a plain loop wherever it is not compiled with -fopenmp; the lints keep it out of other files.
void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& f);

}  // namespace microtome
