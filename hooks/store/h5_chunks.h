// Inside hooks/store: compressed chunks, checked before HDF5 unpacks them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "hooks/store/h5_types.h"

namespace microtome::h5 {

/// HDF5 takes for granted that a compressed chunk unpacks to the bytes of a chunk: what is missing it reads from beyond the end, and for
/// the rest of one that is cut off it waits forever. So each chunk is unpacked here first, once, and counted.
class CompressedChunks {
  public:
    /// Of an open dataset; nullptr where chunks are not deflated (the sizes of others are known without unpacking: h5_verify.h).
    static std::shared_ptr<CompressedChunks> of(std::int64_t dataset, const std::string& subject);
    /// Every chunk that holds rows [first, first + count); an Error at the first that is not what the dataset says.
    void check_rows(std::int64_t dataset, const Shape& shape, std::uint64_t first, std::uint64_t count);

  private:
    explicit CompressedChunks(std::string subject) : subject_(std::move(subject)) {}
    void check_chunk(std::int64_t dataset, const std::vector<std::uint64_t>& offset);

    std::string subject_;
    Shape chunk_;
    std::uint64_t unpacked_ = 0, behind_ = 0;  // bytes that deflate packed; bytes of a checksum behind them
    std::unordered_set<std::uint64_t> good_;   // chunks by their number
};

}  // namespace microtome::h5
