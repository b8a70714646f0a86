// Checks every index structure of an HDF5 file before HDF5 reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace microtome::h5 {

/// Bytes of a file: `read` is only called inside [0, size).
struct Bytes {
    std::uint64_t size = 0;
    std::function<void(std::uint64_t address, std::size_t size, std::byte* out)> read;
};

/// HDF5 1.10 trusts lengths, offsets and links inside a file: of files with a few bytes flipped, one in fifty crashed it or never ended.
/// This walks superblock, groups, object headers, attributes, chunk indices and text references (HDF5 File Format Specification,
/// version 2.0) and throws an Error naming `subject` and the address at the first thing that is out of bounds, used twice, or of a kind
/// that this program does not write: only the earliest format, numbers and strings, plain or chunked data, the filters shuffle, deflate and
/// fletcher32.
void verify(const Bytes& file, const std::string& subject);

}  // namespace microtome::h5
