// Inside hooks/store: the walk behind `verify`. Groups: h5_verify.cpp; values, chunks and texts: h5_verify_data.cpp.
#pragma once

#include <map>
#include <utility>

#include "hooks/store/h5_messages.h"
#include "hooks/store/h5_verify.h"

namespace microtome::h5 {

constexpr int deepest = 32;  // groups inside groups, levels of an index

struct LocalHeap {
    std::vector<std::byte> names;
};
struct DatasetHeader {
    std::vector<std::uint64_t> shape;
    StoredType type;
    StoredLayout layout;
    StoredFilters filters;
};
struct Header {
    std::optional<std::vector<std::uint64_t>> shape;
    std::optional<StoredType> type;
    std::optional<StoredLayout> layout;
    std::optional<StoredFilters> filters;
    std::optional<std::pair<std::uint64_t, std::uint64_t>> group;  // index, names
    std::vector<std::uint32_t> fills;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> continued;
    unsigned messages = 0;
};
using Node = std::pair<std::uint64_t, std::uint64_t>;  // address and right neighbour of the last node seen at a level

class Verifier {
  public:
    Verifier(const Bytes& file, const std::string& subject) : file_(file), subject_(subject), end_(file.size) {}
    void run();

  private:
    Place at(std::uint64_t address) const { return {&subject_, address}; }
    std::vector<std::byte> bytes(std::uint64_t address, std::uint64_t size) const;
    void claim(std::uint64_t address, std::uint64_t size);
    std::vector<std::byte> block(std::uint64_t address, std::uint64_t size);
    void object(std::uint64_t address, std::optional<Node> cached, int depth);
    void header_block(Cursor in, Header& header);
    void message(unsigned kind, Cursor in, Header& header);
    void group(std::uint64_t index, std::uint64_t names, int depth);
    LocalHeap local_heap(std::uint64_t address);
    void name(const LocalHeap& heap, std::uint64_t offset, const Cursor& in) const;
    void group_node(std::uint64_t address, int level, const LocalHeap& heap, std::map<int, Node>& last, int depth);
    void symbols(std::uint64_t address, const LocalHeap& heap, int depth);
    void dataset(const Header& header, std::uint64_t address);
    void chunk_node(std::uint64_t address, int level, const DatasetHeader& data, std::map<int, Node>& last,
                    std::vector<std::uint64_t>& previous);
    void neighbours(Cursor& in, std::uint64_t address, int level, std::map<int, Node>& last) const;
    void references(Cursor in, std::uint64_t count);
    void chunk_references(std::uint64_t address, const std::vector<std::uint64_t>& offset, const DatasetHeader& data);
    const std::map<unsigned, std::uint64_t>& collection(std::uint64_t address);

    const Bytes& file_;
    const std::string& subject_;
    std::uint64_t end_;
    unsigned leaf_ = 0, internal_ = 0;                                        // half of the most entries in a group's nodes
    std::map<std::uint64_t, std::uint64_t> claimed_;                          // begin, end: each byte belongs to one structure
    std::map<std::uint64_t, std::map<unsigned, std::uint64_t>> collections_;  // sizes of texts by their index
};

}  // namespace microtome::h5
