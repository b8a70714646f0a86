// Inside hooks/store: the checked call, owned identifiers and type identifiers of HDF5's C interface.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

#include "hooks/store/h5.h"

namespace microtome::h5 {

/// Turns HDF5's printing of errors off for this thread, once, and empties its error stack when it ends.
void quiet();
/// Around one call: throws if it, or a write beneath it that HDF5 does not know of (h5_driver.h), failed.
void begin_call();
void end_call(bool good, const std::string& subject, const char* expected);
/// Throws Error(subject, expected, the innermost reason on HDF5's error stack).
[[noreturn]] void fail(const std::string& subject, const std::string& expected);

/// Runs one HDF5 call; a negative result is an Error.
template <class Call>
auto check(Call&& call, const std::string& subject, const char* expected) {
    begin_call();
    auto result = call();
    end_call(result >= 0, subject, expected);
    return result;
}

/// An identifier owned by one scope: dataspace, type, property list, attribute.
class Id {
  public:
    using Close = herr_t (*)(hid_t);
    Id(hid_t id, Close close) : id_(id), close_(close) {}
    Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Id(const Id&) = delete;
    Id& operator=(const Id&) = delete;
    ~Id() {
        if (id_ >= 0) close_(id_);
    }
    operator hid_t() const { return id_; }

  private:
    hid_t id_;
    Close close_;
};

template <class Call>
Id own(Id::Close close, Call&& call, const std::string& subject, const char* expected) {
    return {check(std::forward<Call>(call), subject, expected), close};
}

/// Little-endian type of the file, and the machine's own (x86-64 and AArch64 are little-endian: these are the same bytes).
Id type_id(Type type, const std::string& subject);
/// The stored type of `id`; an Error for what this program never writes (compound types, integers of other widths…).
Type type_of_id(hid_t id, const std::string& subject);
Shape shape_of(hid_t space, const std::string& subject);
Id simple_space(const Shape& shape, const std::string& subject);

}  // namespace microtome::h5
