// Inside the verifier: what the messages of an object header say.
#pragma once

#include <array>
#include <optional>

#include "hooks/store/h5_cursor.h"

namespace microtome::h5 {

struct StoredType {
    std::uint32_t size = 0;
    bool references = false;  // strings of any length: length, collection, index
};
StoredType parse_type(Cursor& in);

/// Lengths of the axes; none: one value.
std::vector<std::uint64_t> parse_space(Cursor& in);

struct StoredLayout {
    enum class Kind { compact, contiguous, chunked } kind = Kind::contiguous;
    std::uint64_t address = undefined, size = 0;  // contiguous: of the values; chunked: of the index; compact: size only
    std::vector<std::uint32_t> chunk;             // last: bytes of a value
    std::vector<std::byte> values;                // compact
};
StoredLayout parse_layout(Cursor& in);

struct StoredFilters {
    int count = 0;
    std::optional<std::uint32_t> shuffled;  // bytes of a value, as the shuffle filter takes them
    bool deflated = false;                  // only then chunks have sizes of their own
    std::uint32_t checksums = 0;            // bytes that fletcher32 adds to a chunk
};
StoredFilters parse_filters(Cursor& in);

/// Bytes of the fill value: 0 where there is none.
std::uint32_t parse_fill(Cursor& in);
std::uint32_t parse_old_fill(Cursor& in);

struct StoredAttribute {
    StoredType type;
    std::uint64_t count = 0;
    std::span<const std::byte> values;
};
StoredAttribute parse_attribute(Cursor& in);

/// count × size; an Error where that is no size.
std::uint64_t bytes_of(const std::vector<std::uint64_t>& shape, std::uint64_t size, const Place& place);

}  // namespace microtome::h5
