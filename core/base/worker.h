// A thread that does one job after the other, for work that goes on beside the caller's: writing while the next batch is computed.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace microtome {

class Worker {
  public:
    Worker();
    /// Ends after the job that runs; what it throws is lost (call `wait` to have it).
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Waits until the job before is done, then starts this one. Throws what the job before threw; this one is not started then.
    void submit(std::function<void()> job);
    /// Waits until nothing runs; throws what the job threw.
    void wait();

  private:
    void work();
    void wait_locked(std::unique_lock<std::mutex>& lock);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> job_;  // the one that runs, or is to be run
    std::exception_ptr failure_;
    bool ends_ = false;
    std::thread thread_;
};

}  // namespace microtome
