// Datasets and attributes of HDF5 files; groups and files: h5.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hooks/store/h5_types.h"

namespace microtome::h5 {

/// A file, group or dataset; it has attributes. An attribute holds at most 64 kB (4,000 strings): put longer ones into a dataset.
class Object {
  public:
    /// "acts.h5: /prompts/ids"
    const std::string& subject() const { return subject_; }
    bool has_attribute(const std::string& name) const;
    std::vector<std::string> attribute_names() const;
    /// Setting replaces; a number attribute of the same kind is overwritten in place.
    void set_string(const std::string& name, const std::string& value);
    void set_strings(const std::string& name, std::span<const std::string> values);
    void set_integer(const std::string& name, std::int64_t value);
    void set_number(const std::string& name, double value);
    void set_numbers(const std::string& name, std::span<const double> values);
    std::string get_string(const std::string& name) const;
    std::vector<std::string> get_strings(const std::string& name) const;
    std::int64_t get_integer(const std::string& name) const;
    double get_number(const std::string& name) const;
    std::vector<double> get_numbers(const std::string& name) const;

  protected:
    Object(std::int64_t id, int (*close)(std::int64_t), std::string subject);
    struct Closer;
    std::shared_ptr<const std::int64_t> id_;  // HDF5's identifier; closed with the last copy
    std::string subject_;
};

struct Chunking {
    std::uint64_t rows = 1;  // rows in a chunk
    int deflate = 0;         // 0: not compressed; 1 to 9: shuffled, then deflated
};

class CompressedChunks;

class Dataset : public Object {
  public:
    Shape shape() const;
    Type type() const;
    Chunking chunking() const;  // rows 0: not chunked
    /// Number of rows: the length of the first axis (1 for a scalar).
    std::uint64_t rows() const;
    /// An Error unless the file really holds bytes for every element, so that a hostile shape can't make a reader allocate.
    void check_stored() const;

    template <Number T>
    Array<T> read() const {
        Array<T> all{shape(), {}};
        check_stored();
        all.values.resize(elements(all.shape, subject()));
        read_rows(0, rows(), all.values.data());
        return all;
    }
    /// Rows `first` to `first + count`, converted to T.
    template <Number T>
    void read_rows(std::uint64_t first, std::uint64_t count, T* out) const {
        transfer(first, count, type_of<T>(), out, nullptr);
    }
    template <Number T>
    void write_rows(std::uint64_t first, std::uint64_t count, const T* values) {
        transfer(first, count, type_of<T>(), nullptr, values);
    }
    /// Extends the first axis and writes there (extendible datasets only).
    template <Number T>
    void append(std::uint64_t count, const T* values) {
        const std::uint64_t first = rows();
        resize(first + count);
        write_rows(first, count, values);
    }
    void resize(std::uint64_t rows);

    std::vector<std::string> read_strings() const;
    std::vector<std::string> read_strings(std::uint64_t first, std::uint64_t count) const;
    void write_strings(std::uint64_t first, std::span<const std::string> values);
    void append_strings(std::span<const std::string> values);

  private:
    friend class Group;
    using Object::Object;
    void check_chunks(const Shape& shape, std::uint64_t first, std::uint64_t count) const;
    void transfer(std::uint64_t first, std::uint64_t count, Type memory, void* out, const void* in) const;
    void transfer_half(std::uint64_t first, std::uint64_t count, Type memory, void* out, const void* in) const;

    std::shared_ptr<CompressedChunks> chunks_;  // of an opened dataset that is compressed
};

}  // namespace microtome::h5
