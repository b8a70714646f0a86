#include "hooks/store/h5_driver.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "core/base/error.h"
#include "hooks/store/journaled_file.h"

namespace microtome::h5 {
namespace {

constexpr haddr_t most_address = INT64_MAX;

struct Driver {
    H5FD_t base{};  // HDF5 sees this part: it must come first
    JournaledFile file;
    haddr_t allocated = 0;
    bool writable = false, flushed = false;
};

Driver* self(H5FD_t* file) {
    return reinterpret_cast<Driver*>(file);
}
const Driver* self(const H5FD_t* file) {
    return reinterpret_cast<const Driver*>(file);
}

thread_local std::optional<std::string> failed_write;

// No exception may pass through C: nothing, or the reason.
template <class F>
std::optional<std::string> reason_of(F&& action) {
    try {
        action();
        return {};
    } catch (const Error& error) {
        return error.got();
    } catch (const std::exception& error) {
        return error.what();
    }
}

// The reason goes onto HDF5's error stack, where `fail` (h5_check.cpp) finds it.
template <class F>
herr_t guarded(hid_t minor, F&& action) {
    const std::optional<std::string> reason = reason_of(action);
    if (!reason) return 0;
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_VFL, minor, "%s", reason->c_str());
    return -1;
}

// HDF5 is told that all is well.
template <class F>
herr_t kept(F&& action) {
    if (auto reason = reason_of(action); reason && !failed_write) failed_write = std::move(reason);
    return 0;
}

H5FD_t* open_driver(const char* name, unsigned flags, hid_t, haddr_t) {
    using Access = JournaledFile::Access;
    const Access access = (flags & H5F_ACC_EXCL)    ? Access::create_new
                          : (flags & H5F_ACC_TRUNC) ? Access::create
                          : (flags & H5F_ACC_RDWR)  ? Access::write
                                                    : Access::read;
    std::unique_ptr<Driver> driver;
    guarded(H5E_CANTOPENFILE, [&] { driver.reset(new Driver{{}, {name, access}, 0, access != Access::read}); });
    return driver ? &driver.release()->base : nullptr;
}

herr_t close_driver(H5FD_t* file) {
    const std::unique_ptr<Driver> driver(self(file));
    return kept([&] {
        // HDF5 also opens files only to look at them, or fails to open them: nothing was flushed then, and nothing may change.
        if (driver->flushed) driver->file.commit(driver->allocated);
    });
}

int compare(const H5FD_t* a, const H5FD_t* b) {
    if (self(a)->file == self(b)->file) return 0;
    return std::less<>()(a, b) ? -1 : 1;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA |
             H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

haddr_t allocated(const H5FD_t* file, H5FD_mem_t) {
    return self(file)->allocated;
}

herr_t allocate(H5FD_t* file, H5FD_mem_t, haddr_t address) {
    self(file)->allocated = address;
    return 0;
}

haddr_t size_of_file(const H5FD_t* file, H5FD_mem_t) {
    return self(file)->file.size();
}

herr_t handle(H5FD_t* file, hid_t, void** out) {
    *out = self(file);
    return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* out) {
    return guarded(H5E_READERROR, [&] { self(file)->file.read(address, size, static_cast<std::byte*>(out)); });
}

// Rows may be written at once; the index may not, nor a collection of texts, which HDF5 hands over as if it were rows.
bool is_plain(H5FD_mem_t type, std::size_t size, const void* bytes) {
    return type == H5FD_MEM_DRAW && (size < 4 || std::memcmp(bytes, "GCOL", 4) != 0);
}

herr_t write(H5FD_t* file, H5FD_mem_t type, hid_t, haddr_t address, std::size_t size, const void* bytes) {
    const bool plain = is_plain(type, size, bytes);
    return kept([&] { self(file)->file.write(address, size, static_cast<const std::byte*>(bytes), plain); });
}

// HDF5 flushed all that it has: the file may be cut to its length. Done by the commit that follows.
herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
    self(file)->flushed = self(file)->writable;
    return 0;
}

herr_t lock(H5FD_t* file, hbool_t exclusive) {
    return guarded(H5E_CANTLOCKFILE, [&] { self(file)->file.lock(exclusive); });
}

herr_t unlock(H5FD_t* file) {
    self(file)->file.unlock();
    return 0;
}

hid_t registered() {
    static const hid_t id = [] {
        H5FD_class_t driver{};
        driver.name = "microtome";
        driver.maxaddr = most_address;
        driver.fc_degree = H5F_CLOSE_STRONG;
        driver.open = open_driver;
        driver.close = close_driver;
        driver.cmp = compare;
        driver.query = query;
        driver.get_eoa = allocated;
        driver.set_eoa = allocate;
        driver.get_eof = size_of_file;
        driver.get_handle = handle;
        driver.read = read;
        driver.write = write;
        driver.truncate = truncate;
        driver.lock = lock;
        driver.unlock = unlock;
        std::fill(std::begin(driver.fl_map), std::end(driver.fl_map), H5FD_MEM_DEFAULT);
        return H5FDregister(&driver);
    }();
    return id;
}

}  // namespace

void use_driver(hid_t access) {
    H5Pset_driver(access, registered(), nullptr);
}

static Driver* driver_of(hid_t file) {
    void* driver = nullptr;
    return H5Fget_vfd_handle(file, H5P_DEFAULT, &driver) >= 0 ? static_cast<Driver*>(driver) : nullptr;
}

herr_t commit(hid_t file) {
    Driver* driver = driver_of(file);
    return driver ? guarded(H5E_WRITEERROR, [&] { driver->file.commit(driver->allocated); }) : -1;
}

void forget_failure() {
    failed_write.reset();
}

const std::optional<std::string>& failure() {
    return failed_write;
}

void abandon(hid_t file) {
    if (Driver* driver = driver_of(file)) driver->file.abandon();
}

void set_careful(hid_t file, bool careful) {
    if (Driver* driver = driver_of(file)) driver->file.set_careful(careful);
}

}  // namespace microtome::h5
