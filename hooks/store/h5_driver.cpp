#include "hooks/store/h5_driver.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace microtome::h5 {
namespace {

constexpr haddr_t most_address = INT64_MAX;

struct Driver {
    H5FD_t base{};  // HDF5 sees this part: it must come first
    int descriptor = -1;
    dev_t device = 0;
    ino_t inode = 0;
    haddr_t allocated = 0, size = 0;
    bool abandoned = false;
};

Driver* self(H5FD_t* file) {
    return reinterpret_cast<Driver*>(file);
}
const Driver* self(const H5FD_t* file) {
    return reinterpret_cast<const Driver*>(file);
}

// Puts the system's reason on HDF5's error stack, where `reason` (h5_check.cpp) finds it.
herr_t failed(hid_t minor, const char* text) {
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_VFL, minor, "%s", text);
    return -1;
}

H5FD_t* open_driver(const char* name, unsigned flags, hid_t, haddr_t) {
    int how = O_CLOEXEC | O_NONBLOCK | ((flags & H5F_ACC_RDWR) ? O_RDWR : O_RDONLY);
    if (flags & H5F_ACC_TRUNC) how |= O_TRUNC;
    if (flags & H5F_ACC_CREAT) how |= O_CREAT;
    if (flags & H5F_ACC_EXCL) how |= O_EXCL;
    auto driver = std::make_unique<Driver>();
    struct stat about {};
    driver->descriptor = ::open(name, how, 0644);
    if (driver->descriptor < 0 || ::fstat(driver->descriptor, &about) != 0) {
        failed(H5E_CANTOPENFILE, std::strerror(errno));
        if (driver->descriptor >= 0) ::close(driver->descriptor);
        return nullptr;
    }
    if (!S_ISREG(about.st_mode)) {
        failed(H5E_CANTOPENFILE, S_ISDIR(about.st_mode) ? "a folder" : "a special file");
        ::close(driver->descriptor);
        return nullptr;
    }
    driver->device = about.st_dev;
    driver->inode = about.st_ino;
    driver->size = static_cast<haddr_t>(about.st_size);
    return &driver.release()->base;
}

herr_t close_driver(H5FD_t* file) {
    const std::unique_ptr<Driver> driver(self(file));
    const int result = ::close(driver->descriptor);
    return result == 0 || driver->abandoned ? 0 : failed(H5E_CANTCLOSEFILE, std::strerror(errno));
}

int compare(const H5FD_t* a, const H5FD_t* b) {
    const Driver *x = self(a), *y = self(b);
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    return 0;
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
    return self(file)->size;
}

herr_t handle(H5FD_t* file, hid_t, void** out) {
    *out = self(file);
    return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* buffer) {
    auto* out = static_cast<char*>(buffer);
    while (size > 0) {
        const ssize_t n = address > most_address ? 0 : ::pread(self(file)->descriptor, out, size, static_cast<off_t>(address));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed(H5E_READERROR, std::strerror(errno));
        if (n == 0) {  // allocated, but not written yet
            std::memset(out, 0, size);
            return 0;
        }
        out += n;
        address += static_cast<haddr_t>(n);
        size -= static_cast<std::size_t>(n);
    }
    return 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, const void* buffer) {
    Driver* driver = self(file);
    const auto* in = static_cast<const char*>(buffer);
    while (size > 0 && !driver->abandoned) {
        const ssize_t n = ::pwrite(driver->descriptor, in, size, static_cast<off_t>(address));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return failed(H5E_WRITEERROR, std::strerror(errno));
        in += n;
        address += static_cast<haddr_t>(n);
        size -= static_cast<std::size_t>(n);
        driver->size = std::max(driver->size, address);
    }
    return 0;
}

// The file ends where the allocated space ends.
herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
    Driver* driver = self(file);
    if (driver->abandoned || driver->size == driver->allocated) return 0;
    if (::ftruncate(driver->descriptor, static_cast<off_t>(driver->allocated)) != 0) return failed(H5E_SEEKERROR, std::strerror(errno));
    driver->size = driver->allocated;
    return 0;
}

herr_t lock(H5FD_t* file, hbool_t exclusive) {
    if (::flock(self(file)->descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 || errno == ENOSYS || errno == ENOTSUP) return 0;
    return failed(H5E_CANTLOCKFILE, errno == EWOULDBLOCK ? "a file that another program has open" : std::strerror(errno));
}

herr_t unlock(H5FD_t* file) {
    ::flock(self(file)->descriptor, LOCK_UN);
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

void abandon(hid_t file) {
    void* driver = nullptr;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &driver) >= 0 && driver) static_cast<Driver*>(driver)->abandoned = true;
}

}  // namespace microtome::h5
