// Messages between the processes of one job. core/mpi has the one that speaks MPI.
#pragma once

#include <optional>

#include "core/base/packing.h"

namespace microtome {

struct LinkMessage {
    int from = 0, kind = 0;
    Bytes bytes;
};

/// One thread at a time. Messages from one process to another keep their order.
class Link {
  public:
    virtual ~Link() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// Begins to send and returns; `kind` >= 0.
    virtual void send(int to, int kind, Bytes bytes) = 0;
    /// How many of the messages sent have not been received yet.
    virtual std::size_t unread() = 0;
    /// The next message of process `from` (-1: of any one); none if none waits.
    virtual std::optional<LinkMessage> receive(int from) = 0;
    /// All processes end together; nothing is sent afterwards.
    virtual void end() = 0;
};

}  // namespace microtome
