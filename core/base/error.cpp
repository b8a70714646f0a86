#include "core/base/error.h"

#include <utility>

namespace microtome {
namespace {

// One line on a terminal: control characters from hostile files must not reach it.
std::string one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    constexpr std::size_t longest = 400;
    if (text.size() > longest) text = text.substr(0, longest) + "…";
    return text;
}

}  // namespace

Error::Error(std::string subject, std::string expected, std::string got)
    : subject_(one_line(std::move(subject))), expected_(one_line(std::move(expected))), got_(one_line(std::move(got))) {
    text_ = subject_ + ": expected " + expected_ + ", got " + got_;
}

Error Error::within(const std::string& outer) const {
    return {outer + ": " + subject_, expected_, got_};
}

}  // namespace microtome
