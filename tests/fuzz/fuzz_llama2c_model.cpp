// Any bytes as a llama2.c model: every byte of every tensor that is handed out must be readable, and the tensors must fill the file.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/llama2c_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    try {
        const SafetensorsContent content = parse_llama2c(std::as_bytes(std::span(data, size)), "fuzz");
        std::size_t bytes = 28;
        unsigned sum = 0;
        for (const StoredTensor& tensor : content.tensors) {
            if (static_cast<std::size_t>(tensor.elements()) * 4 != tensor.bytes.size()) std::abort();
            for (std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
            bytes += tensor.bytes.size();
        }
        if (bytes != size || (sum > 0 && bytes == 28)) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
