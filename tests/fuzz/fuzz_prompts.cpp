// Any bytes as a prompt file; the first one tells CSV from JSON lines, and pairs from prompts. What is taken must be read back equal from
// JSON.
#include <cstdint>
#include <cstdlib>

#include "analyses/files/prompts.h"
#include "core/base/error.h"

namespace {

using namespace microtome;

template <class Parse, class Read>
void read_twice(Parse parse, Read read) {
    decltype(parse()) prompts;
    try {
        prompts = parse();
    } catch (const Error&) {
        return;
    }
    for (const auto& prompt : prompts) {
        const std::string written = to_json(prompt).dump();
        if (to_json(read(parse_json(written, "again"))).dump() != written) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool csv = data[0] & 1, pairs = data[0] & 2;
    if (pairs)
        read_twice([&] { return parse_pairs(text, csv, "fuzz"); }, [](const Json& json) { return pair_from_json(json, "again", ""); });
    else
        read_twice([&] { return parse_prompts(text, csv, "fuzz"); }, [](const Json& json) { return prompt_from_json(json, "again", ""); });
    return 0;
}
