// Any bytes as a session: what is taken must be written and read back equal.
#include <cstdint>
#include <cstdlib>

#include "analyses/files/session_file.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    Json written;
    try {
        written = to_json(session_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), "fuzz"));
    } catch (const Error&) {
        return 0;
    }
    if (to_json(session_from_json(parse_json(written.dump(), "again"), "again")).dump() != written.dump()) std::abort();
    return 0;
}
