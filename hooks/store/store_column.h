// One site's rows on their way into the file: gathered until a chunk is full, converted once.
#pragma once

#include <cstddef>
#include <vector>

#include "hooks/store/h5.h"
#include "hooks/store/store.h"

namespace microtome {

class StoreColumn {
  public:
    /// `data` holds `written` rows that count.
    StoreColumn(StoreSite site, h5::Dataset data);

    /// T: float or double, or Half into a float16 site.
    template <class T>
    void append(const T* rows, std::uint64_t count);
    /// Writes what is gathered. Compressed chunks are written when they are full (or with `tail`): each is packed once.
    void flush(bool tail);
    /// Keeps the first `rows` only.
    void truncate(std::uint64_t rows);

    std::uint64_t rows() const { return written_ + gathered_; }
    std::uint64_t written() const { return written_; }
    bool deflated() const { return deflated_; }
    bool pairs() const { return site_.pairs; }
    std::string key() const { return site_.key(); }

  private:
    template <class T>
    void gather(const T* values, std::uint64_t rows);
    void write();

    StoreSite site_;
    h5::Dataset data_;
    std::uint64_t width_, chunk_, written_, gathered_ = 0;  // values in a row; rows
    bool deflated_;
    std::vector<std::byte> block_;  // gathered rows as stored, up to the end of the chunk
};

}  // namespace microtome
