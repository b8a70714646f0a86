// Any bytes as a metric expression: what is taken must be written and read back equal.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "hooks/expression/metric_expression.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    std::string written;
    try {
        written = to_text(parse_metric_expression({reinterpret_cast<const char*>(data), size}, "fuzz"));
    } catch (const Error&) {
        return 0;
    }
    try {
        if (to_text(parse_metric_expression(written, "again")) != written) std::abort();
    } catch (const Error&) {
        if (written.size() <= 10'000) std::abort();  // the longest that is taken; spaces add to it
    }
    return 0;
}
