#include <unistd.h>
#include <csignal>
#include <cstdio>

#include "app/commands/cli.h"

namespace microtome {
namespace {

std::stop_source& interrupted() {
    static std::stop_source source;
    return source;
}

// Only an atomic flag is set here; a thread of the C++ library is not needed, stop_source::request_stop is lock-free without callbacks.
volatile std::sig_atomic_t asked = 0;

extern "C" void on_signal(int) {
    if (asked) _exit(3);  // a second Ctrl-C does not wait
    asked = 1;
    interrupted().request_stop();
}

std::string duration(double seconds) {
    auto s = static_cast<long>(seconds + 0.5);
    char text[32];
    if (s >= 3600)
        std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
    return text;
}

// "12/45 cells  3.1/s", of bytes "12.3 MB of 45.6 MB  3.4 MB/s".
std::string amount_text(std::int64_t done, std::int64_t total, double rate, std::string_view unit) {
    if (unit == "bytes")
        return bytes_text(static_cast<std::uint64_t>(done)) + " of " + bytes_text(static_cast<std::uint64_t>(total)) + "  " +
               bytes_text(static_cast<std::uint64_t>(std::max(rate, 0.0))) + "/s";
    char text[64];
    std::snprintf(text, sizeof text, "  %.1f/s", rate);
    return std::to_string(done) + "/" + std::to_string(total) + " " + std::string(unit) + text;
}

}  // namespace

void stop_on_signals() {
    interrupted();  // made before a handler can ask for it
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

TerminalProgress::TerminalProgress(bool quiet)
    : RunProgress(interrupted().get_token()),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO)),
      start_(std::chrono::steady_clock::now()),
      shown_(start_) {}

TerminalProgress::~TerminalProgress() {
    clear();
}

void TerminalProgress::step(std::int64_t done, std::int64_t total, std::string_view unit) {
    if (quiet_) return;
    auto now = std::chrono::steady_clock::now();
    if (first_ < 0) first_ = done > 1 ? done : 0;
    double since = std::chrono::duration<double>(now - shown_).count(), elapsed = std::chrono::duration<double>(now - start_).count();
    if (since < (terminal_ ? 0.1 : 10.0)) return;
    shown_ = now;
    double rate = static_cast<double>(done - first_) / std::max(elapsed, 1e-9);
    std::string left = rate > 0 ? duration(static_cast<double>(total - done) / rate) : "?";
    constexpr int width = 24;
    int full = total > 0 ? static_cast<int>(width * done / total) : 0;
    std::string bar;
    for (int i = 0; i < width; ++i) bar += i < full ? "█" : "·";
    std::fprintf(stderr, "%s%s %s  %s left%s", terminal_ ? "\r\033[K" : "", bar.c_str(), amount_text(done, total, rate, unit).c_str(),
                 left.c_str(), terminal_ ? "" : "\n");
    drawn_ = terminal_;
    std::fflush(stderr);
}

void TerminalProgress::note(std::string_view line) {
    if (quiet_) return;
    clear();
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

void TerminalProgress::clear() {
    if (drawn_) std::fprintf(stderr, "\r\033[K");
    drawn_ = false;
}

}  // namespace microtome
