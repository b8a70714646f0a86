// What the user's environment says of places.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace microtome {

/// Empty if it is not set.
inline std::filesystem::path environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? std::filesystem::path(value) : std::filesystem::path();
}

/// Where this program keeps what it can make again: XDG_CACHE_HOME/microtome, else ~/.cache/microtome; empty without either.
inline std::filesystem::path cache_folder() {
    if (auto cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache / "microtome";
    if (auto home = environment("HOME"); !home.empty()) return home / ".cache" / "microtome";
    return {};
}

}  // namespace microtome
