// HDF5's C interface, checked: a call that fails throws an Error naming file and object, with HDF5's own reason. Needs no HDF5 header.
// Files are written with the earliest library bounds: such a file can be reopened after a kill, and every HDF5 reads it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "hooks/store/h5_dataset.h"

namespace microtome::h5 {

class Group : public Object {
  public:
    /// Paths may be nested ("views/effect"); missing groups in between are made. Existing objects are never replaced.
    bool has(const std::string& path) const;
    std::vector<std::string> names() const;  // sorted
    bool is_group(const std::string& path) const;
    Group group(const std::string& path) const;
    Group create_group(const std::string& path);
    Dataset dataset(const std::string& path) const;
    Dataset create_dataset(const std::string& path, Type type, const Shape& shape);
    /// Starts with no rows; `row` is the shape of one row.
    Dataset create_extendible(const std::string& path, Type type, const Shape& row, const Chunking& chunking);

    template <Number T>
    Dataset write(const std::string& path, std::span<const T> values, const Shape& shape) {
        Dataset made = create_dataset(path, type_of<T>(), shape);
        check_count(made, shape, values.size());
        made.write_rows(0, made.rows(), values.data());
        return made;
    }
    template <Number T>
    Array<T> read(const std::string& path) const {
        return dataset(path).template read<T>();
    }
    Dataset write_strings(const std::string& path, std::span<const std::string> values);
    std::vector<std::string> read_strings(const std::string& path) const { return dataset(path).read_strings(); }

  protected:
    using Object::Object;
    std::string below(const std::string& path) const;
    static void check_count(const Dataset& made, const Shape& shape, std::size_t values);
};

/// create truncates what is there; create_new refuses to.
enum class Mode { read, read_write, create, create_new };

class File : public Group {
  public:
    /// `shown`: the name in messages, where `path` is a temporary.
    explicit File(const std::filesystem::path& path, Mode mode = Mode::read, const std::string& shown = "");
    /// Reads a file held in memory.
    static File from_image(std::span<const std::byte> image, const std::string& shown) { return {image, shown, std::true_type()}; }

    /// What was written so far is in the file. Of a file named *.part, a kill leaves what the last flush had: never half of the next one.
    void flush();
    /// Files named *.part: values too change at the next flush only. For what takes the place of values that count.
    void set_careful(bool careful);
    /// After a failed write: nothing more reaches the disk, and closing can't fail.
    void abandon();
    /// Closes the file and everything open in it; an Error if something could not be written. The destructor is silent.
    void close();

  private:
    using Group::Group;
    File(std::span<const std::byte> image, const std::string& shown, std::true_type in_memory);
};

}  // namespace microtome::h5
