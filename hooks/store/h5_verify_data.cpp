// Values, chunks and texts of datasets.
#include <algorithm>

#include "hooks/store/h5_verifier.h"

namespace microtome::h5 {

void Verifier::dataset(const Header& header, std::uint64_t address) {
    const Place place = at(address);
    if (!header.shape || !header.type || !header.layout) place.refuse("an object that is neither group nor dataset");
    const DatasetHeader data{*header.shape, *header.type, *header.layout, header.filters.value_or(StoredFilters{})};
    const std::uint64_t size = bytes_of(data.shape, data.type.size, place);
    for (std::uint32_t fill : header.fills)
        place.require(fill == 0 || fill == UINT32_MAX || (fill == data.type.size && !data.type.references), "a fill value of another size");
    if (data.layout.kind != StoredLayout::Kind::chunked) {
        place.require(data.filters.count == 0, "filters of values that are not chunked");
        const bool none = data.layout.kind == StoredLayout::Kind::contiguous && data.layout.address == undefined;
        place.require(none || data.layout.size == size, "values of another size than their shape");
        if (none) return;
        std::vector<std::byte> values = data.layout.values;
        if (data.layout.kind == StoredLayout::Kind::contiguous) {
            claim(data.layout.address, size);
            if (data.type.references) values = bytes(data.layout.address, size);
        }
        if (data.type.references) references(Cursor(place, values), size / data.type.size);
        return;
    }
    place.require(data.layout.chunk.size() == data.shape.size() + 1 && data.layout.chunk.back() == data.type.size,
                  "chunks of another shape");
    place.require(!data.filters.shuffled || data.filters.shuffled == data.type.size, "values shuffled at another width");
    place.require(!data.type.references || data.filters.count == 0, "compressed texts, which this program does not write");
    if (data.layout.address == undefined) return;
    std::map<int, Node> last;
    std::vector<std::uint64_t> previous;
    chunk_node(data.layout.address, -1, data, last, previous);
    for (const auto& [level, node] : last) at(node.first).require(node.second == undefined, "a node whose neighbour is not in its index");
}

void Verifier::chunk_node(std::uint64_t address, int level, const DatasetHeader& data, std::map<int, Node>& last,
                          std::vector<std::uint64_t>& previous) {
    constexpr unsigned half = 32;  // HDF5's constant of the earliest format
    const std::size_t rank = data.layout.chunk.size();
    const std::vector<std::byte> node = block(address, 24 + 2 * half * 8 + (2 * half + 1) * (8 + 8 * rank));
    Cursor in(at(address), node);
    in.signature("TREE");
    in.require(in.u8() == 1, "an index of another kind");
    const int own = in.u8();
    const unsigned entries = in.u16();
    in.require((level < 0 && own < deepest) || own == level, "an index node of another level");
    in.require(entries <= 2 * half && (entries > 0 || level < 0), "an index node that is empty or too full");
    neighbours(in, address, own, last);
    for (unsigned i = 0; i < entries; ++i) {
        const std::uint32_t size = in.u32(), skipped = in.u32();
        std::vector<std::uint64_t> offset(rank);
        for (std::uint64_t& o : offset) o = in.u64();
        const std::uint64_t child = in.u64();
        in.require(skipped == 0 && offset.back() == 0, "a chunk without its filters");
        for (std::size_t axis = 0; axis + 1 < rank; ++axis)
            in.require(offset[axis] % data.layout.chunk[axis] == 0 && offset[axis] < data.shape[axis], "a chunk outside the shape");
        if (own > 0) {
            chunk_node(child, own - 1, data, last, previous);
            continue;
        }
        in.require(previous.empty() || previous < offset, "chunks out of order");
        previous = offset;
        in.require(data.filters.deflated ? size > data.filters.checksums : size == data.layout.size + data.filters.checksums,
                   "a chunk of another size");
        claim(child, size);
        if (data.type.references) chunk_references(child, offset, data);
    }
    for (std::size_t i = 0; i < 8 + 8 * rank; i += 8) in.u64();  // where the last chunk ends
}

void Verifier::references(Cursor in, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint32_t length = in.u32();
        const std::uint64_t address = in.u64();
        const std::uint32_t index = in.u32();
        if (address == 0 || address == undefined) {
            in.require(length == 0, "a text that is nowhere");
            continue;
        }
        const auto& texts = collection(address);
        const auto found = texts.find(index);
        in.require(found != texts.end() && found->second == length, "a text of another length than its collection has");
    }
}

// Rows of a text chunk inside the shape. Texts are lists (one axis) or, made by others, more: then the whole chunk must be good.
void Verifier::chunk_references(std::uint64_t address, const std::vector<std::uint64_t>& offset, const DatasetHeader& data) {
    std::uint64_t count = data.layout.size / data.type.size;
    if (data.shape.size() == 1) count = std::min(count, data.shape[0] - offset[0]);
    const std::vector<std::byte> values = bytes(address, count * data.type.size);
    references(Cursor(at(address), values), count);
}

const std::map<unsigned, std::uint64_t>& Verifier::collection(std::uint64_t address) {
    if (const auto known = collections_.find(address); known != collections_.end()) return known->second;
    const std::vector<std::byte> head = bytes(address, 16);
    Cursor top(at(address), head);
    top.signature("GCOL");
    top.require(top.u32() == 1, "texts of unknown version");
    const std::uint64_t size = top.u64();
    top.require(size >= 4096, "a collection of texts that is too small");
    const std::vector<std::byte> all = block(address, size);
    Cursor in(at(address), std::span(all).subspan(16));
    std::map<unsigned, std::uint64_t>& texts = collections_[address];
    while (in.left() >= 16) {
        const unsigned index = in.u16();
        in.take(6);
        const std::uint64_t length = in.u64();
        if (index == 0) {  // free space; its length counts its own head
            in.require(length >= 16, "free space without end");
            in.take(length - 16);
            continue;
        }
        in.require(length <= in.left() && texts.emplace(index, length).second, "a text twice, or beyond its collection");
        in.take((length + 7) / 8 * 8);
    }
    return texts;
}

}  // namespace microtome::h5
