// Datasets: whole arrays, rows, appending; conversion to and from half; strings.
#include <algorithm>

#include "core/base/error.h"
#include "hooks/store/h5_check.h"
#include "hooks/store/h5_chunks.h"

namespace microtome::h5 {
namespace {

// Memory and file selections of rows [first, first + count) of a dataset.
struct Selection {
    Id memory, file;
};

Selection select_rows(hid_t dataset, const std::string& subject, const Shape& shape, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t rows = shape.empty() ? 1 : shape[0];
    if (first > rows || count > rows - first)
        throw Error(subject, "rows inside 0.." + std::to_string(rows), std::to_string(first) + " + " + std::to_string(count));
    Id file = own(
        H5Sclose, [&] { return H5Dget_space(dataset); }, subject, "a readable shape");
    if (shape.empty()) return {simple_space({}, subject), std::move(file)};
    std::vector<hsize_t> start(shape.size(), 0), size(shape.begin(), shape.end());
    start[0] = first;
    size[0] = count;
    check([&] { return H5Sselect_hyperslab(file, H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr); }, subject, "rows");
    return {simple_space({size.begin(), size.end()}, subject), std::move(file)};
}

std::uint64_t count_of(const Shape& shape, std::uint64_t rows, const std::string& subject) {
    Shape part = shape;
    if (!part.empty()) part[0] = rows;
    return elements(part, subject);
}

constexpr std::size_t half_block = 1 << 16;  // elements converted at a time: stays in the cache

}  // namespace

Shape Dataset::shape() const {
    return shape_of(own(
                        H5Sclose, [&] { return H5Dget_space(*id_); }, subject_, "a readable shape"),
                    subject_);
}

Type Dataset::type() const {
    return type_of_id(own(
                          H5Tclose, [&] { return H5Dget_type(*id_); }, subject_, "a readable type"),
                      subject_);
}

std::uint64_t Dataset::rows() const {
    const Shape all = shape();
    return all.empty() ? 1 : all[0];
}

Chunking Dataset::chunking() const {
    const Id made = own(
        H5Pclose, [&] { return H5Dget_create_plist(*id_); }, subject_, "readable properties");
    hsize_t chunk[H5S_MAX_RANK] = {};
    if (H5Pget_layout(made) != H5D_CHUNKED) return {0, 0};
    check([&] { return H5Pget_chunk(made, H5S_MAX_RANK, chunk); }, subject_, "a readable layout");
    unsigned level = 0, flags = 0;
    std::size_t values = 1;
    const bool deflated = H5Pget_filter_by_id2(made, H5Z_FILTER_DEFLATE, &flags, &values, &level, 0, nullptr, nullptr) >= 0;
    return {chunk[0], deflated ? std::max(1, static_cast<int>(level)) : 0};
}

void Dataset::check_stored() const {
    const std::uint64_t bytes = elements(shape(), subject_);
    const Id type = own(
        H5Tclose, [&] { return H5Dget_type(*id_); }, subject_, "a readable type");
    const Id made = own(
        H5Pclose, [&] { return H5Dget_create_plist(*id_); }, subject_, "readable properties");
    const Id file = own(
        H5Fclose, [&] { return H5Iget_file_id(*id_); }, subject_, "an open file");
    hsize_t file_size = 0;
    check([&] { return H5Fget_filesize(file, &file_size); }, subject_, "a readable file");
    std::uint64_t held = std::min<std::uint64_t>(H5Dget_storage_size(*id_), file_size);
    if (H5Pget_nfilters(made) > 0) held *= 1100;  // deflate shrinks by 1032 at most
    const std::uint64_t width = std::max<std::uint64_t>(1, H5Tget_size(type));
    if (bytes > held / width)
        throw Error(subject_, std::to_string(bytes) + " stored elements of " + std::to_string(width) + " bytes",
                    std::to_string(held) + " bytes in the file");
}

void Dataset::check_chunks(const Shape& shape, std::uint64_t first, std::uint64_t count) const {
    if (chunks_) chunks_->check_rows(*id_, shape, first, count);
}

void Dataset::transfer(std::uint64_t first, std::uint64_t count, Type memory, void* out, const void* in) const {
    const Shape all = shape();
    const Selection rows = select_rows(*id_, subject_, all, first, count);
    if (count_of(all, count, subject_) == 0) return;
    const Type stored = type();
    if ((stored == Type::string) != (memory == Type::string))
        throw Error(subject_, std::string("values of ") + name_of(memory), name_of(stored));
    if (stored == Type::float16 && memory != Type::float16) return transfer_half(first, count, memory, out, in);
    const Id type = type_id(memory, subject_);
    check_chunks(all, first, count);
    if (out) check([&] { return H5Dread(*id_, type, rows.memory, rows.file, H5P_DEFAULT, out); }, subject_, "readable values");
    if (in) check([&] { return H5Dwrite(*id_, type, rows.memory, rows.file, H5P_DEFAULT, in); }, subject_, "values that can be written");
}

// HDF5 converts to half bit by bit; ours is exact too and some twenty times faster.
void Dataset::transfer_half(std::uint64_t first, std::uint64_t count, Type memory, void* out, const void* in) const {
    if (memory != Type::float32 && memory != Type::float64)
        throw Error(subject_, "float16 values read or written as floats", name_of(memory));
    const std::uint64_t width = count_of(shape(), 1, subject_);
    const std::uint64_t step = std::max<std::uint64_t>(1, half_block / std::max<std::uint64_t>(1, width));
    std::vector<Half> block(std::min(step, count) * width);
    for (std::uint64_t done = 0; done < count; done += step) {
        const std::uint64_t rows = std::min(step, count - done), n = rows * width, at = done * width;
        if (in && memory == Type::float32) to_half(static_cast<const float*>(in) + at, n, block.data());
        if (in && memory == Type::float64) to_half(static_cast<const double*>(in) + at, n, block.data());
        transfer(first + done, rows, Type::float16, out ? block.data() : nullptr, in ? block.data() : nullptr);
        if (out && memory == Type::float32) to_float(block.data(), n, static_cast<float*>(out) + at);
        if (out && memory == Type::float64)
            std::transform(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n), static_cast<double*>(out) + at,
                           [](Half half) { return static_cast<double>(to_float(half)); });
    }
}

void Dataset::resize(std::uint64_t rows) {
    const Shape all = shape();
    std::vector<hsize_t> dims(all.begin(), all.end());
    if (dims.empty()) throw Error(subject_, "an extendible dataset", "a scalar");
    dims[0] = rows;
    if (rows < all[0]) check_chunks(all, rows, 1);  // HDF5 rewrites the chunk that it cuts
    check([&] { return H5Dset_extent(*id_, dims.data()); }, subject_, "a dataset that can be extended");
}

std::vector<std::string> Dataset::read_strings() const {
    check_stored();
    return read_strings(0, rows());
}

std::vector<std::string> Dataset::read_strings(std::uint64_t first, std::uint64_t count) const {
    const Shape all = shape();
    if (type() != Type::string || all.size() > 1) throw Error(subject_, "a list of strings", "another HDF5 type or shape");
    const Selection rows = select_rows(*id_, subject_, all, first, count);
    if (count == 0) return {};
    const Id type = own(
        H5Tclose, [&] { return H5Dget_type(*id_); }, subject_, "a readable type");
    std::vector<std::string> out;
    out.reserve(count);
    if (H5Tis_variable_str(type) <= 0) {
        const std::size_t width = H5Tget_size(type);
        std::string bytes(count * width, '\0');
        check([&] { return H5Dread(*id_, type, rows.memory, rows.file, H5P_DEFAULT, bytes.data()); }, subject_, "readable strings");
        for (std::uint64_t i = 0; i < count; ++i) out.emplace_back(bytes.substr(i * width, width).c_str());
        return out;
    }
    std::vector<char*> pointers(count, nullptr);
    check([&] { return H5Dread(*id_, type, rows.memory, rows.file, H5P_DEFAULT, pointers.data()); }, subject_, "readable strings");
    for (const char* p : pointers) out.emplace_back(p ? p : "");
    check([&] { return H5Dvlen_reclaim(type, rows.memory, H5P_DEFAULT, pointers.data()); }, subject_, "readable strings");
    return out;
}

void Dataset::write_strings(std::uint64_t first, std::span<const std::string> values) {
    std::vector<const char*> pointers;
    for (const std::string& value : values) {
        if (value.find('\0') != std::string::npos) throw Error(subject_, "text without NUL characters", "a NUL character");
        pointers.push_back(value.c_str());
    }
    transfer(first, values.size(), Type::string, nullptr, pointers.data());
}

void Dataset::append_strings(std::span<const std::string> values) {
    const std::uint64_t first = rows();
    resize(first + values.size());
    write_strings(first, values);
}

}  // namespace microtome::h5
