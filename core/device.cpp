#include "core/device.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <charconv>
#include <filesystem>

#include "core/base/error.h"

namespace microtome {
namespace {

// Our own kernels lie beside the program, or where the loader looks. torch's do without them.
void load_kernels() {
    std::error_code none;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / "libmicrotome_cuda.so";
    if (!dlopen(beside.c_str(), RTLD_NOW | RTLD_GLOBAL)) dlopen("libmicrotome_cuda.so", RTLD_NOW | RTLD_GLOBAL);
}

// Before anyone asks torch for CUDA: a first question without the library caches "none" for the process.
std::string load_cuda() {
    static const std::string trouble = [] {
        if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
            const char* why = dlerror();
            return std::string(why ? why : "libtorch_cuda.so");
        }
        load_kernels();
        return std::string();
    }();
    return trouble;
}

int index_of(const std::string& name) {
    if (name == "cuda") return 0;
    int index = -1;
    std::string digits = name.substr(5);
    auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (failed != std::errc() || end != digits.data() + digits.size() || index < 0)
        throw Error("device", "auto, cpu, cuda or cuda:N", "\"" + name + "\"");
    return index;
}

}  // namespace

int count_cuda_devices() {
    static const int count = [] {
        void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!driver) return 0;
        auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
        auto get = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
        int n = 0;
        return init && get && init(0) == 0 && get(&n) == 0 ? n : 0;
    }();
    return count;
}

at::Device open_device(const std::string& name, std::string* note) {
    if (name == "cpu") return at::kCPU;
    bool automatic = name == "auto";
    if (!automatic && !name.starts_with("cuda:") && name != "cuda") throw Error("device", "auto, cpu, cuda or cuda:N", "\"" + name + "\"");
    int index = automatic ? 0 : index_of(name), found = count_cuda_devices();
    if (found <= index) {
        if (automatic) return at::kCPU;
        throw Error("device " + name, "a CUDA device that the driver sees", std::to_string(found) + " devices");
    }
    std::string trouble = load_cuda();
    if (trouble.empty()) return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
    if (!automatic) throw Error("device " + name, "LibTorch with CUDA (set up with --cuda)", trouble);
    if (note) *note = "a GPU is there, but LibTorch's CUDA part is not (" + trouble + "): running on the CPU";
    return at::kCPU;
}

int set_threads(int threads) {
    if (threads < 0 || threads > 4096) throw Error("threads", "0 (the physical cores) to 4096", std::to_string(threads));
    if (threads > 0) at::set_num_threads(threads);
    return at::get_num_threads();
}

}  // namespace microtome
