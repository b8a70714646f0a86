// The one error type for mistakes the user can mend, and the one for work that was stopped on request.
#pragma once

#include <exception>
#include <string>

namespace microtome {

/// A mistake the user can mend. Reads "subject: expected EXPECTED, got GOT"; `subject` names the file, key, option or hook.
/// Thrown by libraries; caught only by the command line (exit code 2), the app's jobs and the fuzz targets.
class Error : public std::exception {
  public:
    Error(std::string subject, std::string expected, std::string got);

    const std::string& subject() const noexcept { return subject_; }
    const std::string& expected() const noexcept { return expected_; }
    const std::string& got() const noexcept { return got_; }
    const char* what() const noexcept override { return text_.c_str(); }

    /// The same error inside a larger subject: "outer: subject".
    Error within(const std::string& outer) const;

  private:
    std::string subject_, expected_, got_, text_;
};

/// Work stopped because it was asked to stop (exit code 3). What was finished before is kept by whoever made it.
class Cancelled : public std::exception {
  public:
    const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace microtome
