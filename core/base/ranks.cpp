#include "core/base/ranks.h"

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace microtome {
namespace {

enum Kind : int { part, failed, shared, ended };

[[noreturn]] void throw_failure(const LinkMessage& message) {
    Unpacker from(message.bytes);
    const bool internal = from.value<bool>();
    const std::string subject = from.text(), expected = from.text(), got = from.text(), who = "process " + std::to_string(message.from);
    if (internal) throw std::runtime_error(who + ": " + got);
    throw Error(who + ": " + subject, expected, got);
}

int number_in(const char* name, int otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::atoi(text) : otherwise;
}

}  // namespace

// Short sleeps, not a busy loop: the cores belong to those that compute.
void Ranks::wait(const std::function<bool()>& ready) const {
    auto pause = std::chrono::microseconds(50);
    while (!ready()) {
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::microseconds(2000));
    }
}

void Ranks::give(Bytes bytes) {
    link_->send(0, part, std::move(bytes));
}

void Ranks::wait_until_taken() {
    wait([this] { return link_->unread() == 0; });
}

std::optional<Bytes> Ranks::look(int from) {
    std::optional<LinkMessage> message = link_->receive(from);
    if (!message) return {};
    if (message->kind == failed) throw_failure(*message);
    return std::move(message->bytes);
}

std::optional<Bytes> Ranks::take(int from, const std::stop_token& stop) {
    std::optional<Bytes> bytes;
    wait([&] { return stop.stop_requested() || (bytes = look(from)); });
    return bytes;
}

LinkMessage Ranks::wait_for_leader() {
    std::optional<LinkMessage> message;
    wait([&] { return (message = link_->receive(0)).has_value(); });
    return std::move(*message);
}

void Ranks::share(Bytes& bytes) {
    if (leader()) {
        for (int to = 1; to < size(); ++to) link_->send(to, shared, bytes);
        return;
    }
    LinkMessage message = wait_for_leader();
    if (message.kind == ended) {
        ended_ = true;
        throw JobEnded();
    }
    bytes = std::move(message.bytes);
}

std::vector<Bytes> Ranks::gather(Bytes bytes) {
    std::vector<Bytes> all(static_cast<std::size_t>(size()));
    Packer packer;
    if (leader()) {
        all[0] = std::move(bytes);
        for (int from = 1; from < size(); ++from) all[static_cast<std::size_t>(from)] = *take(from, {});
        for (const Bytes& one : all) packer.add(one);
    } else {
        give(std::move(bytes));
    }
    Bytes told = packer.take();
    share(told);
    Unpacker from(told);
    for (Bytes& one : all) one = from.values<std::byte>();
    return all;
}

void Ranks::fail(const Error& error, bool internal) {
    Packer packer;
    packer.add(internal);
    for (const std::string* text : {&error.subject(), &error.expected(), &error.got()}) packer.add(std::string_view(*text));
    link_->send(0, failed, packer.take());
    end();
}

// The leader says that it is over, and hears from each that it has understood: no message is left on its way.
void Ranks::end() {
    if (leader()) {
        for (int to = 1; to < size(); ++to) link_->send(to, ended, {});
        int left = size() - 1;
        wait([&] {
            while (auto message = link_->receive(-1)) {
                if (message->kind == failed) throw_failure(*message);
                left -= message->kind == ended;
            }
            return left == 0 && link_->unread() == 0;
        });
    } else {
        while (!ended_) ended_ = wait_for_leader().kind == ended;
        link_->send(0, ended, {});
        wait_until_taken();
    }
    link_->end();
}

Launch launch_of_mpirun() {
    Launch launch{number_in("OMPI_COMM_WORLD_RANK", 0), number_in("OMPI_COMM_WORLD_SIZE", 1)};
    return launch.size > 1 ? launch : Launch{};
}

std::unique_ptr<Ranks> join_ranks() {
    const Launch launch = launch_of_mpirun();
    if (launch.size == 1) return nullptr;
    std::error_code none;
    const auto library = std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / "libmicrotome_mpi.so";
    if (!std::filesystem::exists(library, none))
        throw Error("mpirun", "one process, or a build with Open MPI (libopenmpi-dev)",
                    std::to_string(launch.size) + " processes, and no " + library.string());
    void* loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);  // global: Open MPI's own plugins look for its symbols
    const char* why = loaded ? nullptr : dlerror();
    auto open = loaded ? reinterpret_cast<Link* (*)()>(dlsym(loaded, "microtome_open_mpi")) : nullptr;
    if (!open) throw Error("mpirun", "Open MPI's library", why ? why : library.string());
    auto ranks = std::make_unique<Ranks>(std::unique_ptr<Link>(open()));
    if (ranks->size() != launch.size)
        throw Error("mpirun", std::to_string(launch.size) + " processes of the Open MPI that this build uses",
                    std::to_string(ranks->size()));
    return ranks;
}

}  // namespace microtome
