#include "hooks/store/store_column.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/base/error.h"

namespace microtome {

StoreColumn::StoreColumn(StoreSite site, h5::Dataset data)
    : site_(std::move(site)), data_(std::move(data)), width_(site_.row_values()), written_(data_.rows()) {
    const h5::Chunking chunking = data_.chunking();
    chunk_ = std::max<std::uint64_t>(1, chunking.rows);
    deflated_ = chunking.deflate > 0;
}

template <class T>
void StoreColumn::append(const T* rows, std::uint64_t count) {
    while (count > 0) {
        const std::uint64_t room = chunk_ - this->rows() % chunk_;
        // Whole chunks of the stored type go to the file as they lie.
        if (room == chunk_ && count >= chunk_ && h5::type_of<T>() == site_.type) {
            const std::uint64_t whole = count - count % chunk_;
            data_.append(whole, rows);
            written_ += whole;
            rows += whole * width_;
            count -= whole;
            continue;
        }
        const std::uint64_t part = std::min(room, count);
        gather(rows, part);
        if (part == room) write();
        rows += part * width_;
        count -= part;
    }
}

template void StoreColumn::append(const float*, std::uint64_t);
template void StoreColumn::append(const double*, std::uint64_t);
template void StoreColumn::append(const Half*, std::uint64_t);

template <class T>
void StoreColumn::gather(const T* values, std::uint64_t rows) {
    const std::size_t size = h5::size_of(site_.type), n = rows * width_, at = gathered_ * width_ * size;
    if (block_.size() < at + n * size) block_.resize(at + n * size);
    std::byte* out = block_.data() + at;
    if (h5::type_of<T>() == site_.type) {
        std::memcpy(out, values, n * size);
    } else if constexpr (!std::is_same_v<T, Half>) {
        if (site_.type == h5::Type::float16) to_half(values, n, reinterpret_cast<Half*>(out));
        if (site_.type == h5::Type::float32) std::copy_n(values, n, reinterpret_cast<float*>(out));
        if (site_.type == h5::Type::float64) std::copy_n(values, n, reinterpret_cast<double*>(out));
    }
    gathered_ += rows;
}

void StoreColumn::write() {
    if (gathered_ == 0) return;
    if (site_.type == h5::Type::float16) data_.append(gathered_, reinterpret_cast<const Half*>(block_.data()));
    if (site_.type == h5::Type::float32) data_.append(gathered_, reinterpret_cast<const float*>(block_.data()));
    if (site_.type == h5::Type::float64) data_.append(gathered_, reinterpret_cast<const double*>(block_.data()));
    written_ += gathered_;
    gathered_ = 0;
}

void StoreColumn::flush(bool tail) {
    if (tail || !deflated_) write();
}

void StoreColumn::truncate(std::uint64_t rows) {
    gathered_ = 0;
    if (data_.rows() != rows) data_.resize(rows);
    written_ = rows;
}

}  // namespace microtome
