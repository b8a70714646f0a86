// Links between threads of one process, for tests of what several processes do together.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/ranks.h"

struct Wires {
    struct Sent {
        int to;
        microtome::LinkMessage message;
    };
    std::mutex mutex;
    std::list<Sent> under_way;
    int ended = 0;
};

class ThreadLink : public microtome::Link {
  public:
    ThreadLink(std::shared_ptr<Wires> wires, int rank, int size) : wires_(std::move(wires)), rank_(rank), size_(size) {}
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void send(int to, int kind, microtome::Bytes bytes) override {
        const std::lock_guard lock(wires_->mutex);
        wires_->under_way.push_back({to, {rank_, kind, std::move(bytes)}});
    }
    std::size_t unread() override {
        const std::lock_guard lock(wires_->mutex);
        return static_cast<std::size_t>(std::count_if(wires_->under_way.begin(), wires_->under_way.end(),
                                                      [&](const Wires::Sent& sent) { return sent.message.from == rank_; }));
    }
    std::optional<microtome::LinkMessage> receive(int from) override {
        const std::lock_guard lock(wires_->mutex);
        for (auto it = wires_->under_way.begin(); it != wires_->under_way.end(); ++it) {
            if (it->to != rank_ || (from >= 0 && it->message.from != from)) continue;
            microtome::LinkMessage message = std::move(it->message);
            wires_->under_way.erase(it);
            return message;
        }
        return {};
    }
    void end() override {
        const std::lock_guard lock(wires_->mutex);
        ++wires_->ended;
    }

  private:
    std::shared_ptr<Wires> wires_;
    int rank_, size_;
};

/// Runs `work(ranks)` as so many processes would, each in a thread. What is still under way afterwards, and how many have ended.
template <class Work>
std::shared_ptr<Wires> run_ranks(int size, const Work& work) {
    auto wires = std::make_shared<Wires>();
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&work, wires, rank, size] {
            microtome::Ranks ranks(std::make_unique<ThreadLink>(wires, rank, size));
            work(ranks);
        });
    threads.clear();
    return wires;
}
