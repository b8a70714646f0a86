// Attributes of files, groups and datasets.
#include <algorithm>

#include "core/base/error.h"
#include "hooks/store/h5_check.h"

namespace microtome::h5 {
namespace {

constexpr std::uint64_t most_values = 65536;  // an attribute's message in the file is at most 64 kB

struct Opened {
    Id id, type;
    Shape shape;
    std::string subject;
    std::uint64_t count;
};

Opened open_attribute(hid_t object, const std::string& owner, const std::string& name) {
    const std::string subject = owner + ": attribute " + name;
    if (check([&] { return H5Aexists(object, name.c_str()); }, subject, "a readable attribute") == 0)
        throw Error(subject, "an attribute of this name", "none");
    Id id = own(
        H5Aclose, [&] { return H5Aopen(object, name.c_str(), H5P_DEFAULT); }, subject, "a readable attribute");
    Id type = own(
        H5Tclose, [&] { return H5Aget_type(id); }, subject, "a readable attribute");
    Id space = own(
        H5Sclose, [&] { return H5Aget_space(id); }, subject, "a readable attribute");
    Shape shape = shape_of(space, subject);
    const std::uint64_t count = elements(shape, subject);
    if (count > most_values) throw Error(subject, "at most 65536 values", std::to_string(count));
    return {std::move(id), std::move(type), std::move(shape), subject, count};
}

void read_numbers(const Opened& a, Type memory, void* out) {
    const H5T_class_t kind = H5Tget_class(a.type);
    if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Tget_size(a.type) > 8) throw Error(a.subject, "numbers", "another HDF5 type");
    check([&, type = type_id(memory, a.subject)] { return a.count ? H5Aread(a.id, type, out) : 0; }, a.subject, "readable numbers");
}

std::vector<std::string> read_fixed(const Opened& a) {
    const std::size_t width = H5Tget_size(a.type);
    if (width == 0 || width > most_values) throw Error(a.subject, "strings of at most 64 kB", std::to_string(width) + " bytes");
    std::string all(a.count * width, '\0');
    check([&] { return H5Aread(a.id, a.type, all.data()); }, a.subject, "readable strings");
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < a.count; ++i) {
        std::string one = all.substr(i * width, width);
        out.push_back(one.substr(0, one.find('\0')));
    }
    return out;
}

std::vector<std::string> read_text(const Opened& a) {
    if (check([&] { return H5Tget_class(a.type); }, a.subject, "a readable type") != H5T_STRING)
        throw Error(a.subject, "text", "another HDF5 type");
    if (a.count == 0) return {};
    if (check([&] { return H5Tis_variable_str(a.type); }, a.subject, "a readable type") == 0) return read_fixed(a);
    std::vector<char*> pointers(a.count, nullptr);
    const Id space = simple_space(a.shape, a.subject);
    check([&] { return H5Aread(a.id, a.type, pointers.data()); }, a.subject, "readable strings");
    std::vector<std::string> out;
    for (const char* p : pointers) out.emplace_back(p ? p : "");
    check([&] { return H5Dvlen_reclaim(a.type, space, H5P_DEFAULT, pointers.data()); }, a.subject, "readable strings");
    return out;
}

void write_attribute(hid_t object, const std::string& owner, const std::string& name, Type type, const Shape& shape, const void* values) {
    const std::string subject = owner + ": attribute " + name;
    const Id stored = type_id(type, subject);
    if (check([&] { return H5Aexists(object, name.c_str()); }, subject, "a file that can be written") > 0) {
        const Opened old = open_attribute(object, owner, name);
        if (old.shape == shape && H5Tequal(old.type, stored) > 0) {
            check([&] { return H5Awrite(old.id, stored, values); }, subject, "an attribute that can be written");
            return;
        }
        check([&] { return H5Adelete(object, name.c_str()); }, subject, "an attribute that can be replaced");
    }
    const Id space = simple_space(shape, subject);
    const Id made = own(
        H5Aclose, [&] { return H5Acreate2(object, name.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT); }, subject,
        "an attribute that can be written (64 kB at most)");
    if (shape.empty() || shape[0] > 0) check([&] { return H5Awrite(made, stored, values); }, subject, "an attribute that can be written");
}

void refuse_nul(const std::string& subject, const std::string& text) {
    if (text.find('\0') != std::string::npos) throw Error(subject, "text without NUL characters", "a NUL character");
}

}  // namespace

bool Object::has_attribute(const std::string& name) const {
    return check([&] { return H5Aexists(*id_, name.c_str()); }, subject_ + ": attribute " + name, "a readable attribute") > 0;
}

std::vector<std::string> Object::attribute_names() const {
    std::vector<std::string> names;
    const auto keep = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
        static_cast<std::vector<std::string>*>(out)->emplace_back(name);
        return 0;
    };
    check([&] { return H5Aiterate2(*id_, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names); }, subject_, "readable attributes");
    std::sort(names.begin(), names.end());
    return names;
}

void Object::set_string(const std::string& name, const std::string& value) {
    refuse_nul(subject_ + ": attribute " + name, value);
    const char* pointer = value.c_str();
    write_attribute(*id_, subject_, name, Type::string, {}, &pointer);
}

void Object::set_strings(const std::string& name, std::span<const std::string> values) {
    std::vector<const char*> pointers;
    for (const std::string& value : values) {
        refuse_nul(subject_ + ": attribute " + name, value);
        pointers.push_back(value.c_str());
    }
    write_attribute(*id_, subject_, name, Type::string, {values.size()}, pointers.data());
}

void Object::set_integer(const std::string& name, std::int64_t value) {
    write_attribute(*id_, subject_, name, Type::int64, {}, &value);
}

void Object::set_number(const std::string& name, double value) {
    write_attribute(*id_, subject_, name, Type::float64, {}, &value);
}

void Object::set_numbers(const std::string& name, std::span<const double> values) {
    write_attribute(*id_, subject_, name, Type::float64, {values.size()}, values.data());
}

std::string Object::get_string(const std::string& name) const {
    const Opened a = open_attribute(*id_, subject_, name);
    if (a.count != 1) throw Error(a.subject, "one string", std::to_string(a.count) + " values");
    return read_text(a).front();
}

std::vector<std::string> Object::get_strings(const std::string& name) const {
    return read_text(open_attribute(*id_, subject_, name));
}

std::int64_t Object::get_integer(const std::string& name) const {
    const Opened a = open_attribute(*id_, subject_, name);
    if (a.count != 1 || H5Tget_class(a.type) != H5T_INTEGER) throw Error(a.subject, "one integer", "other values");
    std::int64_t value = 0;
    read_numbers(a, Type::int64, &value);
    return value;
}

double Object::get_number(const std::string& name) const {
    const Opened a = open_attribute(*id_, subject_, name);
    if (a.count != 1) throw Error(a.subject, "one number", std::to_string(a.count) + " values");
    double value = 0;
    read_numbers(a, Type::float64, &value);
    return value;
}

std::vector<double> Object::get_numbers(const std::string& name) const {
    const Opened a = open_attribute(*id_, subject_, name);
    std::vector<double> values(a.count);
    read_numbers(a, Type::float64, values.data());
    return values;
}

}  // namespace microtome::h5
