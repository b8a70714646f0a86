// Files and groups.
#include "hooks/store/h5.h"

#include <algorithm>

#include "core/base/error.h"
#include "hooks/store/h5_check.h"
#include "hooks/store/h5_chunks.h"
#include "hooks/store/h5_driver.h"
#include "hooks/store/h5_verify.h"
#include "hooks/store/journaled_file.h"

namespace microtome::h5 {
namespace {

using Path = std::filesystem::path;

// Closing the file closes what is still open in it, so that close() reports every failed write.
Id file_access(const std::string& subject) {
    Id access = own(
        H5Pclose, [] { return H5Pcreate(H5P_FILE_ACCESS); }, subject, "HDF5 to start");
    check([&] { return H5Pset_fclose_degree(access, H5F_CLOSE_STRONG); }, subject, "HDF5 to start");
    // No chunk cache: rows go to and from the disk as they are asked for (compressed chunks are written whole by the store).
    check([&] { return H5Pset_cache(access, 0, 0, 0, 0); }, subject, "HDF5 to start");
    use_driver(access);
    return access;
}

void verify_file(const Path& path, const std::string& subject) {
    try {
        JournaledFile file(path, JournaledFile::Access::read);
        file.lock(false);
        verify({file.size(), [&](std::uint64_t at, std::size_t size, std::byte* out) { file.read(at, size, out); }}, path.string());
    } catch (const Error& error) {
        throw Error(subject, error.subject() == path.string() ? error.expected() : "an HDF5 file", error.got());
    }
}

void verify_image(std::span<const std::byte> image, const std::string& subject) {
    const auto read = [&](std::uint64_t at, std::size_t size, std::byte* out) { std::copy_n(image.data() + at, size, out); };
    verify({image.size(), read}, subject);
}

hid_t open_file(const Path& path, Mode mode, const std::string& subject) {
    const Id access = file_access(subject);
    if (mode == Mode::create || mode == Mode::create_new) {
        const unsigned flags = mode == Mode::create ? H5F_ACC_TRUNC : H5F_ACC_EXCL;
        return check([&] { return H5Fcreate(path.c_str(), flags, H5P_DEFAULT, access); }, subject, "a file that can be made");
    }
    verify_file(path, subject);
    const unsigned flags = mode == Mode::read ? H5F_ACC_RDONLY : H5F_ACC_RDWR;
    return check([&] { return H5Fopen(path.c_str(), flags, access); }, subject, "an HDF5 file");
}

hid_t open_image(std::span<const std::byte> image, const std::string& subject) {
    verify_image(image, subject);
    const Id access = file_access(subject);
    check([&] { return H5Pset_fapl_core(access, 1 << 16, false); }, subject, "room for the file");
    // NOTE: HDF5 takes a pointer to mutable bytes and copies them.
    check([&] { return H5Pset_file_image(access, const_cast<std::byte*>(image.data()), image.size()); }, subject, "an HDF5 file");
    return check([&] { return H5Fopen(subject.c_str(), H5F_ACC_RDONLY, access); }, subject, "an HDF5 file");
}

Id with_parents(const std::string& subject) {
    Id list = own(
        H5Pclose, [] { return H5Pcreate(H5P_LINK_CREATE); }, subject, "a new object");
    check([&] { return H5Pset_create_intermediate_group(list, 1); }, subject, "a new object");
    return list;
}

// Without the time of writing, which HDF5 would store: equal contents give equal files.
Id new_dataset(const std::string& subject) {
    Id made = own(
        H5Pclose, [] { return H5Pcreate(H5P_DATASET_CREATE); }, subject, "a new dataset");
    check([&] { return H5Pset_obj_track_times(made, false); }, subject, "a new dataset");
    return made;
}

// A dataset may name other files for its bytes, or plug-ins to decode them: neither is ever followed.
void refuse_outside(hid_t dataset, const std::string& subject) {
    const Id made = own(
        H5Pclose, [&] { return H5Dget_create_plist(dataset); }, subject, "readable properties");
    const H5D_layout_t layout = check([&] { return H5Pget_layout(made); }, subject, "a readable layout");
    if (layout == H5D_VIRTUAL || check([&] { return H5Pget_external_count(made); }, subject, "a readable layout") > 0)
        throw Error(subject, "values inside this file", "values in other files");
    const int filters = check([&] { return H5Pget_nfilters(made); }, subject, "readable filters");
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter =
            check([&] { return H5Pget_filter2(made, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr); }, subject,
                  "filters");
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            throw Error(subject, "no filter but shuffle, deflate and fletcher32", "HDF5 filter " + std::to_string(filter));
    }
}

}  // namespace

Object::Object(std::int64_t id, int (*close)(std::int64_t), std::string subject)
    : id_(new std::int64_t(id),
          [close](const std::int64_t* owned) {
              quiet();
              close(*owned);
              delete owned;
          }),
      subject_(std::move(subject)) {}

File::File(const Path& path, Mode mode, const std::string& shown)
    : Group(open_file(path, mode, shown.empty() ? path.string() : shown), H5Fclose, shown.empty() ? path.string() : shown) {}

File::File(std::span<const std::byte> image, const std::string& shown, std::true_type) : Group(open_image(image, shown), H5Fclose, shown) {}

void File::flush() {
    check([&] { return H5Fflush(*id_, H5F_SCOPE_LOCAL); }, subject_, "a file that can be written");
    check([&] { return commit(*id_); }, subject_, "a file that can be written");
}

void File::abandon() {
    h5::abandon(*id_);
}

void File::set_careful(bool careful) {
    h5::set_careful(*id_, careful);
}

void File::close() {
    if (H5Iis_valid(*id_) > 0) check([&] { return H5Fclose(*id_); }, subject_, "a file that can be written");
}

std::string Group::below(const std::string& path) const {
    const bool file = subject_.find(": /") == std::string::npos;
    return subject_ + (file ? ": " : "") + (path.starts_with('/') ? "" : "/") + path;
}

// Only hard links count: a soft or external link could lead into another file.
bool Group::has(const std::string& path) const {
    for (std::size_t at = path.find_first_not_of('/'), end = 0; at != std::string::npos; at = path.find_first_not_of('/', end)) {
        end = std::min(path.find('/', at), path.size());
        const std::string part = path.substr(0, end);
        if (check([&] { return H5Lexists(*id_, part.c_str(), H5P_DEFAULT); }, below(path), "a readable file") == 0) return false;
        H5L_info_t info{};
        check([&] { return H5Lget_info(*id_, part.c_str(), &info, H5P_DEFAULT); }, below(path), "a readable file");
        if (info.type != H5L_TYPE_HARD) return false;
        if (end < path.size() && !is_group(part)) return false;
    }
    return true;
}

bool Group::is_group(const std::string& path) const {
    H5O_info_t info{};
    check([&] { return H5Oget_info_by_name(*id_, path.c_str(), &info, H5P_DEFAULT); }, below(path), "a readable object");
    return info.type == H5O_TYPE_GROUP;
}

std::vector<std::string> Group::names() const {
    std::vector<std::string> names;
    const auto keep = [](hid_t, const char* name, const H5L_info_t* info, void* out) -> herr_t {
        if (info->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(out)->emplace_back(name);
        return 0;
    };
    check([&] { return H5Literate(*id_, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names); }, subject_, "a readable group");
    std::sort(names.begin(), names.end());
    return names;
}

Group Group::group(const std::string& path) const {
    if (!has(path) || !is_group(path)) throw Error(below(path), "a group of this name", "none");
    return {check([&] { return H5Gopen2(*id_, path.c_str(), H5P_DEFAULT); }, below(path), "a readable group"), H5Gclose, below(path)};
}

Group Group::create_group(const std::string& path) {
    const Id links = with_parents(below(path));
    return {check([&] { return H5Gcreate2(*id_, path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT); }, below(path), "a new group"), H5Gclose,
            below(path)};
}

Dataset Group::dataset(const std::string& path) const {
    if (!has(path) || is_group(path)) throw Error(below(path), "a dataset of this name", "none");
    Dataset found(check([&] { return H5Dopen2(*id_, path.c_str(), H5P_DEFAULT); }, below(path), "a readable dataset"), H5Dclose,
                  below(path));
    refuse_outside(*found.id_, found.subject());
    found.chunks_ = CompressedChunks::of(*found.id_, found.subject());
    return found;
}

Dataset Group::create_dataset(const std::string& path, Type type, const Shape& shape) {
    const std::string subject = below(path);
    const Id stored = type_id(type, subject), space = simple_space(shape, subject), links = with_parents(subject),
             made = new_dataset(subject);
    return {check([&] { return H5Dcreate2(*id_, path.c_str(), stored, space, links, made, H5P_DEFAULT); }, subject, "a new dataset"),
            H5Dclose, subject};
}

Dataset Group::create_extendible(const std::string& path, Type type, const Shape& row, const Chunking& chunking) {
    const std::string subject = below(path);
    std::vector<hsize_t> now{0}, most{H5S_UNLIMITED}, chunk{std::max<std::uint64_t>(1, chunking.rows)};
    for (auto* dims : {&now, &most, &chunk}) dims->insert(dims->end(), row.begin(), row.end());
    const int rank = static_cast<int>(now.size());
    const Id space = own(
        H5Sclose, [&] { return H5Screate_simple(rank, now.data(), most.data()); }, subject, "a shape");
    const Id made = new_dataset(subject);
    check([&] { return H5Pset_chunk(made, rank, chunk.data()); }, subject, "a shape that can be chunked");
    // Rows are written before they are read: filling a new chunk with zeros first would write it twice.
    if (type != Type::string) check([&] { return H5Pset_fill_time(made, H5D_FILL_TIME_NEVER); }, subject, "a new dataset");
    if (chunking.deflate > 0) {
        check([&] { return H5Pset_shuffle(made); }, subject, "the shuffle filter");
        check([&] { return H5Pset_deflate(made, static_cast<unsigned>(chunking.deflate)); }, subject, "the deflate filter");
    }
    const Id stored = type_id(type, subject), links = with_parents(subject);
    return {check([&] { return H5Dcreate2(*id_, path.c_str(), stored, space, links, made, H5P_DEFAULT); }, subject, "a new dataset"),
            H5Dclose, subject};
}

Dataset Group::write_strings(const std::string& path, std::span<const std::string> values) {
    Dataset made = create_dataset(path, Type::string, {values.size()});
    made.write_strings(0, values);
    return made;
}

void Group::check_count(const Dataset& made, const Shape& shape, std::size_t values) {
    if (elements(shape, made.subject()) != values)
        throw Error(made.subject(), std::to_string(elements(shape, made.subject())) + " values", std::to_string(values));
}

}  // namespace microtome::h5
