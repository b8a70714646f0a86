#include "hooks/store/h5_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "hooks/store/h5_check.h"

namespace microtome::h5 {
namespace {

constexpr std::uint64_t checksum = 4;  // bytes that fletcher32 appends

// Bytes that a zlib stream (RFC 1950) unpacks to; `most` + 1 if they are more. An Error for a stream that is damaged or cut off.
std::uint64_t unpacked_size(std::vector<Bytef>& packed, std::uint64_t most, const std::string& subject) {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, inflateEnd);
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(packed.size());  // below 4 GiB, as all chunks are
    std::array<Bytef, 1 << 15> out;
    std::uint64_t size = 0;
    for (int state = Z_OK; state != Z_STREAM_END && size <= most;) {
        stream.next_out = out.data();
        stream.avail_out = static_cast<uInt>(out.size());
        state = inflate(&stream, Z_NO_FLUSH);
        size += out.size() - stream.avail_out;
        if (state == Z_OK || state == Z_STREAM_END) continue;
        throw Error(subject, "compressed chunks in good order", state == Z_BUF_ERROR ? "one that is cut off" : "a damaged one");
    }
    return std::min(size, most + 1);
}

}  // namespace

std::shared_ptr<CompressedChunks> CompressedChunks::of(std::int64_t dataset, const std::string& subject) {
    const Id made = own(
        H5Pclose, [&] { return H5Dget_create_plist(dataset); }, subject, "readable properties");
    if (check([&] { return H5Pget_layout(made); }, subject, "a readable layout") != H5D_CHUNKED) return nullptr;
    std::shared_ptr<CompressedChunks> chunks(new CompressedChunks(subject));
    hsize_t sides[H5S_MAX_RANK] = {};
    const int rank = check([&] { return H5Pget_chunk(made, H5S_MAX_RANK, sides); }, subject, "a readable layout");
    chunks->chunk_.assign(sides, sides + rank);
    const Id type = own(
        H5Tclose, [&] { return H5Dget_type(dataset); }, subject, "a readable type");
    chunks->unpacked_ = elements(chunks->chunk_, subject) * H5Tget_size(type);
    const int filters = check([&] { return H5Pget_nfilters(made); }, subject, "readable filters");
    bool deflated = false;
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter =
            check([&] { return H5Pget_filter2(made, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr); }, subject,
                  "filters");
        if (filter == H5Z_FILTER_FLETCHER32) (deflated ? chunks->behind_ : chunks->unpacked_) += checksum;
        deflated = deflated || filter == H5Z_FILTER_DEFLATE;
    }
    return deflated ? chunks : nullptr;
}

void CompressedChunks::check_rows(std::int64_t dataset, const Shape& shape, std::uint64_t first, std::uint64_t count) {
    if (count == 0 || std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
    const std::size_t rank = shape.size();
    std::vector<std::uint64_t> begin(rank, 0), end(rank);  // in chunks
    for (std::size_t axis = 0; axis < rank; ++axis) end[axis] = (shape[axis] - 1) / chunk_[axis] + 1;
    const std::vector<std::uint64_t> grid = end;
    begin[0] = first / chunk_[0];
    end[0] = (first + count - 1) / chunk_[0] + 1;
    for (std::vector<std::uint64_t> at = begin; at[0] < end[0];) {
        std::uint64_t number = 0;
        std::vector<std::uint64_t> offset(rank);
        for (std::size_t axis = 0; axis < rank; ++axis) {
            number = number * grid[axis] + at[axis];
            offset[axis] = at[axis] * chunk_[axis];
        }
        if (!good_.contains(number)) {
            check_chunk(dataset, offset);
            good_.insert(number);
        }
        for (std::size_t axis = rank; axis-- > 0;) {  // the next one, row by row
            if (++at[axis] < end[axis] || axis == 0) break;
            at[axis] = 0;
        }
    }
}

void CompressedChunks::check_chunk(std::int64_t dataset, const std::vector<std::uint64_t>& offset) {
    const std::vector<hsize_t> place(offset.begin(), offset.end());
    unsigned skipped = 0;
    haddr_t address = 0;
    hsize_t size = 0;
    check([&] { return H5Dget_chunk_info_by_coord(dataset, place.data(), &skipped, &address, &size); }, subject_, "readable chunks");
    if (size == 0) return;  // nothing was written there
    if (size <= behind_ || size > UINT32_MAX) throw Error(subject_, "compressed chunks in good order", "one that is too short");
    std::vector<Bytef> packed(size);
    std::uint32_t filters = 0;
    check([&] { return H5Dread_chunk(dataset, H5P_DEFAULT, place.data(), &filters, packed.data()); }, subject_, "readable chunks");
    packed.resize(size - behind_);
    const std::uint64_t got = unpacked_size(packed, unpacked_, subject_);
    if (got == unpacked_) return;
    throw Error(subject_, "chunks that unpack to " + std::to_string(unpacked_) + " bytes",
                got > unpacked_ ? "one of more" : "one of " + std::to_string(got));
}

}  // namespace microtome::h5
