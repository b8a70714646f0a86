// Any bytes as a result.json: what is taken must be written and read back equal, and go through CSV.
#include <cstdint>
#include <cstdlib>

#include "analyses/views/serialize.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    const std::filesystem::path nowhere = "/nonexistent";  // no result.h5
    try {
        const Result result = result_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), nowhere, "fuzz");
        for (const NamedView& view : result.views) view_to_csv(view.view);
        const std::string written = result_to_json(result).dump();
        if (result_to_json(result_from_json(parse_json(written, "again"), nowhere, "again")).dump() != written) std::abort();
    } catch (const Error& error) {
        if (error.subject().starts_with("again")) std::abort();
    }
    return 0;
}
