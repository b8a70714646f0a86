#include "core/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>

namespace microtome {
namespace {

// "3,11" or "3-4": the first one stands for the core.
int first_thread_of(int cpu) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    int first = cpu;
    return file >> first ? first : cpu;
}

}  // namespace

std::set<int> allowed_cores(int process) {
    constexpr int most = 1 << 14;
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(most), [](cpu_set_t* set) { CPU_FREE(set); });
    const std::size_t size = CPU_ALLOC_SIZE(most);
    if (!mask || sched_getaffinity(process, size, mask.get()) != 0) return {};
    std::set<int> cores;
    for (int cpu = 0; cpu < most; ++cpu)
        if (CPU_ISSET_S(cpu, size, mask.get())) cores.insert(first_thread_of(cpu));
    return cores;
}

int share_of_cores(const std::set<int>& mine, const std::vector<std::set<int>>& all) {
    double share = 0;
    for (int core : mine) {
        const auto users = std::count_if(all.begin(), all.end(), [&](const auto& cores) { return cores.count(core) > 0; });
        share += 1.0 / static_cast<double>(std::max<std::ptrdiff_t>(1, users));
    }
    return std::max(1, static_cast<int>(share + 1e-6));
}

}  // namespace microtome
