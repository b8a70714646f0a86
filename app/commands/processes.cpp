// mpirun -n N microtome …: what is said and written where several processes run one command.
#include <cstdio>

#include "analyses/shared_work.h"
#include "app/commands/cli.h"

namespace microtome {

void prepare_rank(const std::string& command, Common& common) {
    if (command != "cache" && command != "gradients" && !shares_work(command))
        throw Error("mpirun",
                    "one process, or a command whose work is shared (activation-, attribution- or path-patching, cache, gradients)",
                    std::to_string(common.ranks->size()) + " processes of " + command);
    std::string note;
    const int threads = threads_of_rank(*common.ranks, note);
    if (common.model.threads == 0) {
        common.model.threads = threads;
        if (!note.empty()) message(common, note);
    }
    if (common.leads()) return;
    common.quiet = true;
    common.json = false;
    common.out.clear();
}

void fail_rank(Common& common, const Error& error, bool internal) {
    try {
        common.ranks->fail(error, internal);
    } catch (const JobEnded&) {  // by an error of rank 0
    }
}

}  // namespace microtome
