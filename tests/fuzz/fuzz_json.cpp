// Any bytes as JSON: what is taken must be written and read back equal.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    try {
        const Json json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
        if (parse_json(json.dump(), "again") != json) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
