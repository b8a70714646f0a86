// How long work reports itself and learns that it should stop. Libraries only see this; the terminal bar and the app's job list derive from
// it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "core/base/error.h"

namespace microtome {

class Progress {
  public:
    explicit Progress(std::stop_token stop = {}) : stop_(std::move(stop)) {}
    virtual ~Progress() = default;

    /// `done` of `total` `unit`s ("cells", "steps", "tokens") are finished. Called from the working thread; cheap.
    virtual void step(std::int64_t /*done*/, std::int64_t /*total*/, std::string_view /*unit*/) {}
    /// One line for the user (stderr, the app's log).
    virtual void note(std::string_view /*line*/) {}

    bool stopped() const { return stop_.stop_requested(); }
    /// Throws Cancelled if a stop was requested: for work that has nothing to keep.
    void check() const {
        if (stopped()) throw Cancelled();
    }
    const std::stop_token& token() const { return stop_; }

  private:
    std::stop_token stop_;
};

}  // namespace microtome
