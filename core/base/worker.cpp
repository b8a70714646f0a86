#include "core/base/worker.h"

#include <utility>

namespace microtome {

Worker::Worker() : thread_([this] { work(); }) {}

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Worker::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [&] { return ends_ || job_; });
        if (!job_) return;
        lock.unlock();
        std::exception_ptr failure;
        try {
            job_();
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        job_ = nullptr;
        failure_ = failure;
        changed_.notify_all();
    }
}

void Worker::wait_locked(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [&] { return !job_; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Worker::submit(std::function<void()> job) {
    std::unique_lock lock(mutex_);
    wait_locked(lock);
    job_ = std::move(job);
    changed_.notify_all();
}

void Worker::wait() {
    std::unique_lock lock(mutex_);
    wait_locked(lock);
}

}  // namespace microtome
