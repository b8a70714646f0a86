#include "core/parallel.h"

#include <ATen/Parallel.h>

#ifndef _OPENMP
#error "built without -fopenmp, at::parallel_for uses one thread"
#endif

namespace microtome {

void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& f) {
    at::parallel_for(0, n, grain, f);
}

}  // namespace microtome
