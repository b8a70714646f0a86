#include "core/kernels/table.h"

#include <dlfcn.h>

#include <string_view>

namespace microtome {

const CudaKernels* cuda_kernels() {
    static const CudaKernels* const found = [] {
        auto get = reinterpret_cast<const CudaKernels* (*)(const char**)>(dlsym(RTLD_DEFAULT, "microtome_cuda_kernels"));
        const char* version = "";
        const CudaKernels* kernels = get ? get(&version) : nullptr;
        return std::string_view(version) == MICROTOME_VERSION ? kernels : nullptr;
    }();
    return found;
}

}  // namespace microtome
