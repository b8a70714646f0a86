#include "analyses/shared_work.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "analyses/session_impl.h"
#include "core/base/cores.h"

namespace microtome {
namespace {

std::string host_name() {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    return name.data();
}

// Cores of every process on this computer, in the order of their ranks.
std::vector<std::set<int>> cores_here(Ranks& ranks, const std::set<int>& mine) {
    Packer packer;
    packer.add(std::string_view(host_name()));
    packer.add(std::vector<int>(mine.begin(), mine.end()));
    std::vector<std::set<int>> here;
    for (const Bytes& bytes : ranks.gather(packer.take())) {
        Unpacker from(bytes);
        if (from.text() != host_name()) continue;
        const std::vector<int> cores = from.values<int>();
        here.emplace_back(cores.begin(), cores.end());
    }
    return here;
}

}  // namespace

void share_work(Session& session, Ranks* ranks) {
    session.impl().ranks = ranks;
}

bool shares_work(const std::string& analysis) {
    constexpr std::array names{"activation-patching", "attribution-patching", "path-patching"};
    return std::find(names.begin(), names.end(), analysis) != names.end();
}

int threads_of_rank(Ranks& ranks, std::string& note) {
    const std::set<int> mine = allowed_cores();
    const auto here = cores_here(ranks, mine);
    std::set<int> used;
    for (const auto& cores : here) used.insert(cores.begin(), cores.end());
    const std::size_t there = allowed_cores(getppid()).size();  // mpirun's own, which are not bound
    if (ranks.leader() && used.size() < there)
        note = "mpirun lets " + std::to_string(here.size()) + " processes use " + std::to_string(used.size()) + " of " +
               std::to_string(there) + " cores; with --bind-to none they use all";
    return share_of_cores(mine, here);
}

}  // namespace microtome
