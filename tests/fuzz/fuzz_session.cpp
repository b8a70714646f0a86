// Any bytes as a session: what is taken must be written and read back equal.
#include <cstdint>
#include <cstdlib>

#include "analyses/files/session_file.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    try {
        const Json written = to_json(session_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), "fuzz"));
        if (to_json(session_from_json(parse_json(written.dump(), "again"), "again")).dump() != written.dump()) std::abort();
    } catch (const Error& error) {
        if (error.subject().starts_with("again")) std::abort();
    }
    return 0;
}
