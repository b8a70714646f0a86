// Processes that mpirun started together share the parts of one job. Everything meets at rank 0: it alone talks, decides and writes.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "core/base/link.h"

namespace microtome {

/// Rank 0 has ended the job while this process waited for it.
struct JobEnded {};

class Ranks {
  public:
    explicit Ranks(std::unique_ptr<Link> link) : link_(std::move(link)) {}

    int rank() const { return link_->rank(); }
    int size() const { return link_->size(); }
    bool leader() const { return rank() == 0; }
    /// Parts go round: a function of their number alone, so that what is computed does not depend on speed.
    bool mine(std::size_t part) const { return owner(part) == rank(); }
    int owner(std::size_t part) const { return static_cast<int>(part % static_cast<std::size_t>(size())); }

    /// Other ranks: to rank 0, without waiting.
    void give(Bytes bytes);
    void wait_until_taken();
    /// Rank 0: the next that rank `from` (-1: any) gave. A mistake of that rank is thrown here. `take` waits: none if a stop was requested.
    std::optional<Bytes> look(int from);
    std::optional<Bytes> take(int from, const std::stop_token& stop);

    /// Rank 0's bytes become everyone's. Throws JobEnded if there will be none.
    void share(Bytes& bytes);
    /// Everyone's bytes, by rank.
    std::vector<Bytes> gather(Bytes bytes);

    /// Other ranks: rank 0 is to end the job with this error (`internal`: a bug, told as `error.got()`). Waits for that.
    void fail(const Error& error, bool internal);
    /// All work is done: rank 0 lets the others go. Throws what a rank failed with.
    void end();

  private:
    void wait(const std::function<bool()>& ready) const;
    LinkMessage wait_for_leader();

    std::unique_ptr<Link> link_;
    bool ended_ = false;
};

/// What mpirun told this process; one of one without it.
struct Launch {
    int rank = 0, size = 1;
};
Launch launch_of_mpirun();

/// Joins the other processes; none if there are no others. An Error if this build, or this computer, has no Open MPI.
std::unique_ptr<Ranks> join_ranks();

}  // namespace microtome
