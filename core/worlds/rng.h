// Random numbers that are the same on every machine and with every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace microtome {

/// SplitMix64's output function (Steele, Lea, Flood 2014): also a good mixer of hashes.
constexpr std::uint64_t mix64(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// FNV-1a over `text`, mixed with `seed`: which forms and pairs are held out hangs on this.
constexpr std::uint64_t hash64(std::string_view text, std::uint64_t seed) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return mix64(hash ^ mix64(seed + 0x9e3779b97f4a7c15ULL));
}

/// SplitMix64. `std::uniform_int_distribution` differs between libraries, so `below` is our own.
class Rng {
  public:
    explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
    /// Uniform in [0, n), 0 < n < 2^32; the bias is below n / 2^32.
    constexpr std::size_t below(std::size_t n) { return static_cast<std::size_t>(((next() >> 32) * n) >> 32); }
    /// Uniform in [low, high].
    constexpr int between(int low, int high) { return low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1))); }
    constexpr bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
    template <class List>
    const auto& pick(const List& list) {
        return list[below(list.size())];
    }
    template <class List>
    void shuffle(List& list) {
        for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
    }

    constexpr std::uint64_t state() const { return state_; }

  private:
    std::uint64_t state_;
};

}  // namespace microtome
