#include "core/kept_heap.h"

#include <cstdlib>  // says whose C library it is

#ifdef __GLIBC__
#include <malloc.h>

#include <limits>
#include <mutex>
#endif

namespace microtome {

#ifdef __GLIBC__
namespace {

std::mutex mutex;
int alive = 0;

}  // namespace

KeptHeap::KeptHeap() {
    std::lock_guard lock(mutex);
    if (alive++ > 0) return;
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

// The C library's largest thresholds from now on.
KeptHeap::~KeptHeap() {
    std::lock_guard lock(mutex);
    if (--alive > 0) return;
    mallopt(M_MMAP_MAX, 1 << 16);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    malloc_trim(0);
}
#else
KeptHeap::KeptHeap() = default;
KeptHeap::~KeptHeap() = default;
#endif

}  // namespace microtome
