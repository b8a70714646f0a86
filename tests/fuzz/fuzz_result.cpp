// Any bytes as a result.json: what is taken must be written and read back equal, and go through CSV.
#include <cstdint>
#include <cstdlib>

#include "analyses/views/serialize.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    const std::filesystem::path nowhere = "/nonexistent";  // no result.h5
    Result result;
    try {
        result = result_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), nowhere, "fuzz");
    } catch (const Error&) {
        return 0;
    }
    for (const NamedView& view : result.views) view_to_csv(view.view);
    const std::string written = result_to_json(result).dump();
    if (result_to_json(result_from_json(parse_json(written, "again"), nowhere, "again")).dump() != written) std::abort();
    return 0;
}
