// A library of its own, loaded by processes that mpirun started: a program that links Open MPI starts later, and not at all without it.
#define OMPI_SKIP_MPICXX 1  // the C++ face, long withdrawn
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>

#include "core/base/link.h"

namespace microtome {
namespace {

constexpr std::size_t piece = std::size_t{1} << 28;  // bytes of one MPI message: its counts are of type int
constexpr int content = 1 << 14;                     // tag of the bytes; a message begins with their number, its kind as tag

// NOTE: errors inside MPI end the job (MPI's default handler), so no result is looked at.
class OpenMpi : public Link {
  public:
    OpenMpi() {
        int got = 0;
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &got);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
    }
    int rank() const override { return rank_; }
    int size() const override { return size_; }

    // Synchronous sends are done when they are received: that is what `unread` counts.
    void send(int to, int kind, Bytes bytes) override {
        Outgoing& out = sent_.emplace_back();
        out.bytes = std::move(bytes);
        out.size = out.bytes.size();
        out.requests.resize(1 + (out.size + piece - 1) / piece);
        MPI_Issend(&out.size, 1, MPI_UINT64_T, to, kind, MPI_COMM_WORLD, out.requests.data());
        for (std::size_t i = 1; i < out.requests.size(); ++i) {
            const std::size_t at = (i - 1) * piece, n = std::min(piece, out.bytes.size() - at);
            MPI_Issend(out.bytes.data() + at, static_cast<int>(n), MPI_BYTE, to, content, MPI_COMM_WORLD, &out.requests[i]);
        }
    }

    std::size_t unread() override {
        std::erase_if(sent_, [](Outgoing& out) { return done(out.requests); });
        return sent_.size();
    }

    std::optional<LinkMessage> receive(int from) override {
        unread();  // MPI moves what is under way while it is called
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(from < 0 ? MPI_ANY_SOURCE : from, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
        if (!there) return {};
        LinkMessage message{status.MPI_SOURCE, status.MPI_TAG, {}};
        std::uint64_t size = 0;
        MPI_Recv(&size, 1, MPI_UINT64_T, message.from, message.kind, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        message.bytes.resize(size);
        std::vector<MPI_Request> requests((size + piece - 1) / piece);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const std::size_t at = i * piece, n = std::min(piece, message.bytes.size() - at);
            MPI_Irecv(message.bytes.data() + at, static_cast<int>(n), MPI_BYTE, message.from, content, MPI_COMM_WORLD, &requests[i]);
        }
        // MPI_Wait would spin on a core that the sender may need.
        while (!done(requests)) std::this_thread::sleep_for(std::chrono::microseconds(100));
        return message;
    }

    void end() override { MPI_Finalize(); }

  private:
    struct Outgoing {
        Bytes bytes;
        std::uint64_t size = 0;
        std::vector<MPI_Request> requests;
    };

    static bool done(std::vector<MPI_Request>& requests) {
        int all = 0;
        MPI_Testall(static_cast<int>(requests.size()), requests.data(), &all, MPI_STATUSES_IGNORE);
        return all != 0;
    }

    int rank_ = 0, size_ = 1;
    std::deque<Outgoing> sent_;
};

}  // namespace
}  // namespace microtome

/// Joins the job that this process was started for; the caller owns what it gets.
extern "C" __attribute__((visibility("default"))) microtome::Link* microtome_open_mpi();
microtome::Link* microtome_open_mpi() {
    return new microtome::OpenMpi;
}
