#include "hooks/store/h5_messages.h"

#include <algorithm>
#include <utility>

namespace microtome::h5 {
namespace {

// Bit fields, then offset, precision, exponent's place and size, mantissa's place and size, bias: IEEE 754, little-endian.
struct FloatLayout {
    std::uint32_t size;
    std::array<std::uint8_t, 3> bits;
    std::array<std::uint8_t, 12> rest;
};
constexpr FloatLayout floats[] = {
    {2, {0x20, 15, 0}, {0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0}},
    {4, {0x20, 31, 0}, {0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}},
    {8, {0x20, 63, 0}, {0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0}},
};

void parse_integer(Cursor& in, std::uint32_t size, std::uint8_t bits) {
    in.require(size == 1 || size == 2 || size == 4 || size == 8, "an integer of odd width");
    in.require((bits & ~0x08) == 0, "an integer that is not little-endian");
    in.require(in.u16() == 0 && in.u16() == 8 * size, "an integer with padding");
}

void parse_float(Cursor& in, std::uint32_t size, const std::array<std::uint8_t, 3>& bits) {
    const auto rest = in.take(12);
    const bool known = std::any_of(std::begin(floats), std::end(floats), [&](const FloatLayout& f) {
        return f.size == size && f.bits == bits && std::memcmp(f.rest.data(), rest.data(), rest.size()) == 0;
    });
    in.require(known, "a float that is not IEEE 754, little-endian");
}

}  // namespace

StoredType parse_type(Cursor& in) {
    const std::uint8_t head = in.u8(), version = head >> 4, kind = head & 15;
    std::array<std::uint8_t, 3> bits{};
    for (std::uint8_t& b : bits) b = in.u8();
    StoredType type{in.u32(), false};
    in.require(version >= 1 && version <= 3, "a type of unknown version");
    switch (kind) {
        case 0:
            parse_integer(in, type.size, bits[0]);
            return type;
        case 1:
            parse_float(in, type.size, bits);
            return type;
        case 3:
            in.require(type.size >= 1 && type.size <= 65535 && (bits[0] & 15) <= 2 && (bits[0] >> 4) <= 1, "a malformed string type");
            return type;
        case 9:
            break;
        default:
            in.refuse("a type that is neither number nor string");
    }
    in.require(type.size == 16 && (bits[0] & 15) == 1 && (bits[0] >> 4) <= 2 && bits[1] <= 1, "a sequence type other than strings");
    const std::uint8_t base = in.u8();
    in.require((base & 15) == 0 || (base & 15) == 3, "strings of something else than characters");
    const std::uint8_t order = in.u8();
    in.take(2);
    in.require(in.u32() == 1, "strings of something else than characters");
    if ((base & 15) == 0) parse_integer(in, 1, order);
    type.references = true;
    return type;
}

std::vector<std::uint64_t> parse_space(Cursor& in) {
    const std::uint8_t version = in.u8(), rank = in.u8(), flags = in.u8();
    in.require(version == 1 || version == 2, "a shape of unknown version");
    in.require(rank <= 32 && flags <= 1, "a malformed shape");
    if (version == 2) {
        const std::uint8_t kind = in.u8();
        in.require(kind == (rank ? 1 : 0), "a malformed shape");
    } else {
        in.take(5);
    }
    std::vector<std::uint64_t> shape(rank);
    for (std::uint64_t& n : shape) n = in.u64();
    for (std::uint64_t n : shape)
        if (flags & 1) in.require(n <= in.u64(), "a shape beyond its greatest");
    return shape;
}

StoredLayout parse_layout(Cursor& in) {
    StoredLayout layout;
    in.require(in.u8() == 3, "a layout of unknown version");
    switch (in.u8()) {
        case 0: {
            layout.kind = StoredLayout::Kind::compact;
            layout.size = in.u16();
            const auto values = in.take(layout.size);
            layout.values.assign(values.begin(), values.end());
            return layout;
        }
        case 1:
            layout.address = in.u64();
            layout.size = in.u64();
            return layout;
        case 2:
            break;
        default:
            in.refuse("a layout that is neither plain nor chunked");
    }
    layout.kind = StoredLayout::Kind::chunked;
    const std::uint8_t rank = in.u8();
    in.require(rank >= 2 && rank <= 33, "chunks of impossible rank");
    layout.address = in.u64();
    for (int i = 0; i < rank; ++i) {
        layout.chunk.push_back(in.u32());
        in.require(layout.chunk.back() > 0, "an empty chunk");
    }
    const std::vector<std::uint64_t> shape(layout.chunk.begin(), layout.chunk.end());
    layout.size = bytes_of(shape, 1, in.place());
    in.require(layout.size <= UINT32_MAX, "a chunk above 4 GiB");
    return layout;
}

StoredFilters parse_filters(Cursor& in) {
    StoredFilters filters;
    in.require(in.u8() == 1, "filters of unknown version");
    filters.count = in.u8();
    in.require(filters.count <= 3, "more filters than three");
    in.take(6);
    std::array<bool, 4> seen{};
    for (int i = 0; i < filters.count; ++i) {
        const std::uint16_t id = in.u16(), name_size = in.u16();
        in.u16();  // flags
        const std::uint16_t values = in.u16();
        const auto name = in.take(name_size);
        in.require(name_size % 8 == 0 && (name.empty() || name.back() == std::byte{0}), "a filter's name without end");
        in.require(id >= 1 && id <= 3, "a filter other than shuffle, deflate and fletcher32");
        in.require(!std::exchange(seen[id], true), "the same filter twice");
        in.require(values == (id == 3 ? 0 : 1), "a filter with other parameters");
        const std::uint32_t value = values ? in.u32() : 0;
        if (values % 2) in.take(4);
        if (id == 1) in.require(value <= 9, "a deflate level above 9");
        if (id == 2) filters.shuffled = value;
        filters.deflated = filters.deflated || id == 1;
        if (id == 3) filters.checksums = 4;
    }
    return filters;
}

std::uint32_t parse_fill(Cursor& in) {
    const std::uint8_t version = in.u8(), allocation = in.u8(), time = in.u8(), defined = in.u8();
    in.require((version == 1 || version == 2) && allocation >= 1 && allocation <= 3 && time <= 2 && defined <= 1, "a malformed fill value");
    if (version == 2 && !defined) return 0;
    const std::uint32_t size = in.u32();
    in.take(size);
    return size;
}

std::uint32_t parse_old_fill(Cursor& in) {
    const std::uint32_t size = in.u32();
    in.take(size);
    return size;
}

StoredAttribute parse_attribute(Cursor& in) {
    const std::uint8_t version = in.u8(), flags = in.u8();
    in.require(version >= 1 && version <= 3 && flags == 0, "an attribute of unknown version");
    const std::uint16_t name_size = in.u16(), type_size = in.u16(), space_size = in.u16();
    if (version == 3) in.require(in.u8() <= 1, "a name in an unknown character set");
    const auto padded = [&](std::uint64_t size) { return version == 1 ? (size + 7) / 8 * 8 : size; };
    const auto name = in.take(padded(name_size)).first(name_size);
    in.require(!name.empty() && std::find(name.begin(), name.end(), std::byte{0}) == name.end() - 1, "an attribute's name without end");
    Cursor type = in.part(padded(type_size)), space = in.part(padded(space_size));
    StoredAttribute attribute;
    attribute.type = parse_type(type);
    const std::vector<std::uint64_t> shape = parse_space(space);
    const std::uint64_t bytes = bytes_of(shape, attribute.type.size, in.place());
    attribute.count = bytes / attribute.type.size;
    attribute.values = in.take(bytes);
    return attribute;
}

std::uint64_t bytes_of(const std::vector<std::uint64_t>& shape, std::uint64_t size, const Place& place) {
    for (std::uint64_t n : shape)
        if (__builtin_mul_overflow(size, n, &size) || size > INT64_MAX) place.refuse("a shape beyond every file");
    return size;
}

}  // namespace microtome::h5
