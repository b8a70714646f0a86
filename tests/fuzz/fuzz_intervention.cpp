// Any bytes as an intervention typed on the command line: what is taken must be written and read back equal, and its source taken apart.
#include <cstdint>
#include <cstdlib>

#include "analyses/files/session_file.h"
#include "analyses/files/source.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    Intervention taken;
    try {
        taken = intervention_from_text({reinterpret_cast<const char*>(data), size}, "i1", "fuzz");
    } catch (const Error&) {
        return 0;
    }
    if (!(intervention_from_json(to_json(taken), "again", "") == taken)) std::abort();
    for (char separator : {'-', '|'}) try {
            for (const SourceTerm& term : parse_terms(taken.source, separator, {"p1", "p1-p2", "a|b", "x:corrupt"}, "fuzz"))
                if (term.name.empty()) std::abort();
        } catch (const Error&) {
        }
    names_a_file(taken.source);
    source_from("folder", taken.source);
    return 0;
}
