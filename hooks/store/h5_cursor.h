// Inside the verifier: reading numbers off a block of a file, never beyond its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace microtome::h5 {

constexpr std::uint64_t undefined = UINT64_MAX;  // HDF5's address of nothing

/// Where in which file: for messages.
struct Place {
    const std::string* subject;
    std::uint64_t address;

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(*subject, "an HDF5 file in good order", what + " at address " + std::to_string(address));
    }
    void require(bool good, const char* what) const {
        if (!good) refuse(what);
    }
};

class Cursor {
  public:
    Cursor(Place place, std::span<const std::byte> bytes) : place_(place), bytes_(bytes) {}

    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    std::uint8_t u8() { return number<std::uint8_t>(); }
    std::uint16_t u16() { return number<std::uint16_t>(); }
    std::uint32_t u32() { return number<std::uint32_t>(); }
    std::uint64_t u64() { return number<std::uint64_t>(); }
    std::span<const std::byte> take(std::uint64_t size) {
        place_.require(size <= bytes_.size(), "a block that ends too early");
        const auto out = bytes_.first(size);
        bytes_ = bytes_.subspan(size);
        return out;
    }
    Cursor part(std::uint64_t size) { return {place_, take(size)}; }
    void signature(const char* name) { require(std::memcmp(take(4).data(), name, 4) == 0, "no signature of the expected block"); }
    void require(bool good, const char* what) const { place_.require(good, what); }
    [[noreturn]] void refuse(const std::string& what) const { place_.refuse(what); }
    std::size_t left() const { return bytes_.size(); }
    const Place& place() const { return place_; }

  private:
    Place place_;
    std::span<const std::byte> bytes_;
};

}  // namespace microtome::h5
