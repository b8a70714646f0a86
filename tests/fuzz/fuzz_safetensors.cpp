// Any bytes as a safetensors file: every byte of every tensor that is handed out must be readable, and their sizes must add up.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    try {
        const auto file = std::as_bytes(std::span(data, size));
        const SafetensorsContent content = parse_safetensors(file, "fuzz");
        std::size_t bytes = 0;
        unsigned sum = 0;
        for (const StoredTensor& tensor : content.tensors) {
            if (static_cast<std::size_t>(tensor.elements()) * size_of(tensor.type) != tensor.bytes.size()) std::abort();
            for (std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
            bytes += tensor.bytes.size();
        }
        if (bytes > size || (sum > 0 && bytes == 0)) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
