#include "hooks/store/h5_verify.h"

#include <algorithm>

#include "hooks/store/h5_verifier.h"

namespace microtome::h5 {

std::vector<std::byte> Verifier::bytes(std::uint64_t address, std::uint64_t size) const {
    if (address > end_ || size > end_ - address) at(address).refuse("a block beyond the end of the file");
    std::vector<std::byte> out(size);
    file_.read(address, size, out.data());
    return out;
}

void Verifier::claim(std::uint64_t address, std::uint64_t size) {
    if (address > end_ || size > end_ - address) at(address).refuse("a block beyond the end of the file");
    if (size == 0) return;
    const auto next = claimed_.lower_bound(address + size);
    if (next != claimed_.begin() && std::prev(next)->second > address) at(address).refuse("a block inside another one");
    claimed_.emplace(address, address + size);
}

std::vector<std::byte> Verifier::block(std::uint64_t address, std::uint64_t size) {
    claim(address, size);
    return bytes(address, size);
}

void Verifier::run() {
    const std::vector<std::byte> head = block(0, std::min<std::uint64_t>(96, end_));
    Cursor in(at(0), head);
    in.require(head.size() == 96 && std::memcmp(head.data(), "\x89HDF\r\n\x1a\n", 8) == 0, "no HDF5 signature");
    in.take(8);
    in.require(in.u32() == 0 && in.u8() == 0 && in.u8() == 8 && in.u8() == 8, "a newer format than the earliest (h5repack can rewrite it)");
    in.u8();
    leaf_ = in.u16();
    internal_ = in.u16();
    in.require(leaf_ >= 1 && leaf_ <= 1024 && internal_ >= 1 && internal_ <= 1024, "impossible sizes of groups");
    in.require((in.u32() & ~3u) == 0, "flags that the earliest format has not");  // 1: was open for writing, as after a kill
    in.require(in.u64() == 0 && in.u64() == undefined, "addresses that the earliest format has not");
    const std::uint64_t end = in.u64();
    in.require(end >= 96 && end <= end_, "a file that was cut off");
    end_ = end;
    in.require(in.u64() == undefined, "a driver of its own");
    in.u64();  // the root has no name
    const std::uint64_t root = in.u64();
    const std::uint32_t cached = in.u32();
    in.u32();
    in.require(cached <= 1, "a root that is no group");
    const std::uint64_t index = in.u64(), names = in.u64();
    object(root, cached ? std::optional<Node>({index, names}) : std::nullopt, 0);
}

void Verifier::object(std::uint64_t address, std::optional<Node> cached, int depth) {
    at(address).require(depth < deepest, "groups nested too deep");
    const std::vector<std::byte> prefix = block(address, 16);
    Cursor in(at(address), prefix);
    in.require(in.u8() == 1 && in.u8() == 0, "an object header of another version");
    const unsigned messages = in.u16();
    in.require(in.u32() == 1, "an object with several names");
    const std::uint32_t size = in.u32();
    Header header;
    header_block(Cursor(at(address + 16), block(address + 16, size)), header);
    for (std::size_t i = 0; i < header.continued.size(); ++i) {
        const auto [more, length] = header.continued[i];
        header_block(Cursor(at(more), block(more, length)), header);
    }
    in.require(header.messages == messages, "an object header with another number of messages");
    in.require(!cached || cached == header.group, "a group that is told differently in two places");
    if (header.group) {
        in.require(!header.shape && !header.type && !header.layout && !header.filters && header.fills.empty(), "a group with values");
        group(header.group->first, header.group->second, depth);
    } else {
        dataset(header, address);
    }
}

void Verifier::header_block(Cursor in, Header& header) {
    while (in.left() > 0) {
        const std::uint16_t kind = in.u16(), size = in.u16();
        const std::uint8_t flags = in.u8();
        in.take(3);
        in.require((flags & ~0x05) == 0, "a shared message");
        in.require(size % 8 == 0, "a message of odd size");
        message(kind, in.part(size), header);
        ++header.messages;
    }
}

void Verifier::message(unsigned kind, Cursor in, Header& header) {
    const auto once = [&](const auto& known) { in.require(!known, "the same message twice"); };
    switch (kind) {
        case 0x00:
            return;
        case 0x01:
            once(header.shape), header.shape = parse_space(in);
            return;
        case 0x03:
            once(header.type), header.type = parse_type(in);
            return;
        case 0x04:
            header.fills.push_back(parse_old_fill(in));
            return;
        case 0x05:
            header.fills.push_back(parse_fill(in));
            return;
        case 0x08:
            once(header.layout), header.layout = parse_layout(in);
            return;
        case 0x0b:
            once(header.filters), header.filters = parse_filters(in);
            return;
        case 0x0c: {
            const StoredAttribute attribute = parse_attribute(in);
            if (attribute.type.references) references(Cursor(in.place(), attribute.values), attribute.count);
            return;
        }
        case 0x10: {
            const std::uint64_t address = in.u64(), size = in.u64();
            header.continued.emplace_back(address, size);
            in.require(header.continued.size() <= 1000, "an object header in too many pieces");
            return;
        }
        case 0x11: {
            once(header.group);
            const std::uint64_t index = in.u64(), names = in.u64();
            header.group.emplace(index, names);
            return;
        }
        case 0x12:
            in.require(in.u8() == 1 && in.left() >= 7, "a malformed time");
            return;
        default:
            in.refuse("a message of kind " + std::to_string(kind) + ", which this program does not write");
    }
}

void Verifier::group(std::uint64_t index, std::uint64_t names, int depth) {
    const LocalHeap heap = local_heap(names);
    std::map<int, Node> last;
    group_node(index, -1, heap, last, depth);
    for (const auto& [level, node] : last) at(node.first).require(node.second == undefined, "a node whose neighbour is not in its index");
}

LocalHeap Verifier::local_heap(std::uint64_t address) {
    const std::vector<std::byte> head = block(address, 32);
    Cursor in(at(address), head);
    in.signature("HEAP");
    in.require(in.u32() == 0, "names of unknown version");
    const std::uint64_t size = in.u64();
    std::uint64_t free = in.u64();
    LocalHeap heap{block(in.u64(), size)};
    const Place place = in.place();
    for (std::uint64_t seen = 0; free != 1; ++seen) {  // 1: the end of the list
        place.require(size >= 16 && free <= size - 16 && seen <= size / 16, "free names without end");
        Cursor item(place, std::span(heap.names).subspan(free, 16));
        const std::uint64_t next = item.u64(), length = item.u64();
        place.require(length >= 16 && length <= size - free, "a free name beyond the names");
        free = next;
    }
    return heap;
}

void Verifier::name(const LocalHeap& heap, std::uint64_t offset, const Cursor& in) const {
    in.require(offset < heap.names.size(), "a name beyond the names");
    const auto begin = heap.names.begin() + static_cast<std::ptrdiff_t>(offset);
    in.require(std::find(begin, heap.names.end(), std::byte{0}) != heap.names.end(), "a name without end");
}

// Nodes of one level form a list from left to right.
void Verifier::neighbours(Cursor& in, std::uint64_t address, int level, std::map<int, Node>& last) const {
    const std::uint64_t left = in.u64(), right = in.u64();
    const auto before = last.find(level);
    in.require(before == last.end() ? left == undefined : left == before->second.first && before->second.second == address,
               "a node with other neighbours than its index says");
    last[level] = {address, right};
}

void Verifier::group_node(std::uint64_t address, int level, const LocalHeap& heap, std::map<int, Node>& last, int depth) {
    const std::vector<std::byte> node = block(address, 24 + 2 * internal_ * 8 + (2 * internal_ + 1) * 8);
    Cursor in(at(address), node);
    in.signature("TREE");
    in.require(in.u8() == 0, "an index of another kind");
    const int own = in.u8();
    const unsigned entries = in.u16();
    in.require((level < 0 && own < deepest) || own == level, "an index node of another level");
    in.require(entries <= 2 * internal_, "an index node that is too full");
    neighbours(in, address, own, last);
    name(heap, in.u64(), in);
    for (unsigned i = 0; i < entries; ++i) {
        const std::uint64_t child = in.u64();
        name(heap, in.u64(), in);
        if (own > 0)
            group_node(child, own - 1, heap, last, depth);
        else
            symbols(child, heap, depth);
    }
}

void Verifier::symbols(std::uint64_t address, const LocalHeap& heap, int depth) {
    const std::vector<std::byte> node = block(address, 8 + 2 * leaf_ * 40);
    Cursor in(at(address), node);
    in.signature("SNOD");
    in.require(in.u16() == 1, "a list of names of unknown version");
    const unsigned count = in.u16();
    in.require(count <= 2 * leaf_, "a list of names that is too full");
    for (unsigned i = 0; i < count; ++i) {
        name(heap, in.u64(), in);
        const std::uint64_t object_at = in.u64();
        const std::uint32_t cached = in.u32();
        in.u32();
        const std::uint64_t index = in.u64(), names = in.u64();
        in.require(cached <= 1, "a link to a name, which may lead into another file");
        object(object_at, cached ? std::optional<Node>({index, names}) : std::nullopt, depth + 1);
    }
}

void verify(const Bytes& file, const std::string& subject) {
    Verifier(file, subject).run();
}

}  // namespace microtome::h5
