// Plain values in a row of bytes, for messages between processes of one program on machines of one kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/error.h"

namespace microtome {

using Bytes = std::vector<std::byte>;

template <class T>
concept Plain = std::is_trivially_copyable_v<T>;

class Packer {
  public:
    /// A number of values, and these.
    template <Plain T>
    void add(std::span<const T> values) {
        add(static_cast<std::uint64_t>(values.size()));
        append(values.data(), values.size_bytes());
    }
    template <Plain T>
    void add(const std::vector<T>& values) {
        add(std::span<const T>(values));
    }
    void add(std::string_view text) { add(std::span<const char>(text.data(), text.size())); }
    template <Plain T>
    requires std::is_arithmetic_v<T>
    void add(T value) { append(&value, sizeof value); }
    Bytes take() { return std::move(bytes_); }

  private:
    void append(const void* data, std::size_t size) {
        const auto* from = static_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), from, from + size);
    }
    Bytes bytes_;
};

/// Reads what a Packer wrote, in the same order. An Error if there is less.
class Unpacker {
  public:
    explicit Unpacker(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <Plain T>
    T value() {
        T value{};
        std::memcpy(&value, next(1, sizeof value), sizeof value);
        return value;
    }
    template <Plain T>
    std::vector<T> values() {
        std::vector<T> values(count<T>());
        const std::byte* from = next(values.size(), sizeof(T));
        if (!values.empty()) std::memcpy(values.data(), from, values.size() * sizeof(T));
        return values;
    }
    /// As `values`, into what `place(number)` points to.
    template <Plain T, class Place>
    void values_to(Place&& place) {
        const std::size_t n = count<T>();
        const std::byte* from = next(n, sizeof(T));
        T* to = place(n);
        if (n > 0) std::memcpy(to, from, n * sizeof(T));
    }
    std::string text() {
        const std::vector<char> chars = values<char>();
        return {chars.begin(), chars.end()};
    }
    bool empty() const { return rest_.empty(); }

  private:
    template <Plain T>
    std::size_t count() {
        const auto n = value<std::uint64_t>();
        if (n > rest_.size() / sizeof(T)) refuse(n);
        return static_cast<std::size_t>(n);
    }
    const std::byte* next(std::size_t n, std::size_t size) {
        if (n > rest_.size() / size) refuse(n);
        const std::byte* at = rest_.data();
        rest_ = rest_.subspan(n * size);
        return at;
    }
    [[noreturn]] void refuse(std::uint64_t n) const {
        throw Error("message of another process", std::to_string(n) + " more values", std::to_string(rest_.size()) + " bytes");
    }
    std::span<const std::byte> rest_;
};

}  // namespace microtome
