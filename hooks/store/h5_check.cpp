#include "hooks/store/h5_check.h"

#include <bit>

#include "core/base/error.h"
#include "hooks/store/h5_driver.h"

namespace microtome::h5 {

static_assert(std::endian::native == std::endian::little, "stores are written with the machine's bytes, declared little-endian");
static_assert(std::is_same_v<hid_t, std::int64_t>, "HDF5 1.10 or later");

namespace {

// Errors that lie on the stack of a thread when it ends stay counted for good, and the library then cannot close at exit: "HDF5: infinite
// loop closing library". The last call of a thread may well fail: an object that is closed after its file, say.
struct ErrorStack {
    ErrorStack() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }
    ~ErrorStack() { H5Eclear2(H5E_DEFAULT); }
    ErrorStack(const ErrorStack&) = delete;
    ErrorStack& operator=(const ErrorStack&) = delete;
};

}  // namespace

void quiet() {
    thread_local const ErrorStack stack;
    (void)stack;
}

namespace {

herr_t keep_first(unsigned n, const H5E_error2_t* error, void* out) {
    if (n == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
    return 0;
}

// "file write failed: time = …, error message = 'No space left on device', buf = …": only the system's words help the user.
std::string reason() {
    std::string text = "an HDF5 failure without a message";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
    const std::string key = "error message = '";
    if (auto at = text.find(key); at != std::string::npos) {
        at += key.size();
        return text.substr(at, text.find('\'', at) - at);
    }
    return text;
}

}  // namespace

void begin_call() {
    quiet();
    forget_failure();
}

void end_call(bool good, const std::string& subject, const char* expected) {
    if (failure()) throw Error(subject, expected, *failure());
    if (!good) fail(subject, expected);
}

void fail(const std::string& subject, const std::string& expected) {
    throw Error(subject, expected, reason());
}

// IEEE 754 binary16, little-endian: exactly the type that h5py writes for numpy.float16.
static Id half_type(const std::string& subject) {
    Id id = own(
        H5Tclose, [] { return H5Tcopy(H5T_IEEE_F32LE); }, subject, "a half type");
    check([&] { return H5Tset_fields(id, 15, 10, 5, 0, 10); }, subject, "a half type");
    check([&] { return H5Tset_size(id, 2); }, subject, "a half type");
    check([&] { return H5Tset_ebias(id, 15); }, subject, "a half type");
    return id;
}

static Id string_type(const std::string& subject) {
    Id id = own(
        H5Tclose, [] { return H5Tcopy(H5T_C_S1); }, subject, "a string type");
    check([&] { return H5Tset_size(id, H5T_VARIABLE); }, subject, "a string type");
    check([&] { return H5Tset_cset(id, H5T_CSET_UTF8); }, subject, "a string type");
    return id;
}

Id type_id(Type type, const std::string& subject) {
    quiet();
    const auto copy = [&](hid_t from) {
        return own(
            H5Tclose, [&] { return H5Tcopy(from); }, subject, "a number type");
    };
    switch (type) {
        case Type::float16:
            return half_type(subject);
        case Type::float32:
            return copy(H5T_IEEE_F32LE);
        case Type::float64:
            return copy(H5T_IEEE_F64LE);
        case Type::int32:
            return copy(H5T_STD_I32LE);
        case Type::int64:
            return copy(H5T_STD_I64LE);
        case Type::uint8:
            return copy(H5T_STD_U8LE);
        case Type::string:
            break;
    }
    return string_type(subject);
}

Type type_of_id(hid_t id, const std::string& subject) {
    const H5T_class_t kind = check([&] { return H5Tget_class(id); }, subject, "a readable type");
    if (kind == H5T_STRING) return Type::string;
    for (Type type : {Type::float16, Type::float32, Type::float64, Type::int32, Type::int64, Type::uint8})
        if (check([&, known = type_id(type, subject)] { return H5Tequal(id, known); }, subject, "a readable type") > 0) return type;
    throw Error(subject, "float16, float32, float64, int32, int64, uint8 (little-endian) or strings", "another HDF5 type");
}

Shape shape_of(hid_t space, const std::string& subject) {
    const H5S_class_t kind = check([&] { return H5Sget_simple_extent_type(space); }, subject, "a readable shape");
    if (kind == H5S_NULL) throw Error(subject, "a shape", "an empty (null) dataspace");
    hsize_t dims[H5S_MAX_RANK] = {};
    const int rank = check([&] { return H5Sget_simple_extent_dims(space, dims, nullptr); }, subject, "a readable shape");
    return {dims, dims + rank};
}

Id simple_space(const Shape& shape, const std::string& subject) {
    if (shape.empty())
        return own(
            H5Sclose, [] { return H5Screate(H5S_SCALAR); }, subject, "a scalar shape");
    const std::vector<hsize_t> dims(shape.begin(), shape.end());
    return own(
        H5Sclose, [&] { return H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr); }, subject, "a shape");
}

const char* name_of(Type type) {
    switch (type) {
        case Type::float16:
            return "float16";
        case Type::float32:
            return "float32";
        case Type::float64:
            return "float64";
        case Type::int32:
            return "int32";
        case Type::int64:
            return "int64";
        case Type::uint8:
            return "uint8";
        case Type::string:
            break;
    }
    return "string";
}

std::size_t size_of(Type type) {
    switch (type) {
        case Type::float16:
            return 2;
        case Type::float32:
        case Type::int32:
            return 4;
        case Type::float64:
        case Type::int64:
            return 8;
        case Type::uint8:
            return 1;
        case Type::string:
            break;
    }
    return 16;  // length, heap address and index in the file
}

std::uint64_t elements(const Shape& shape, const std::string& subject) {
    std::uint64_t count = 1;
    for (std::uint64_t n : shape)
        if (__builtin_mul_overflow(count, n, &count)) throw Error(subject, "a shape that can be stored", "more than 2^64 elements");
    return count;
}

}  // namespace microtome::h5
