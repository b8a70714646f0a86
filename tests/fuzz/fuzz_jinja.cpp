// Any bytes as a chat template over a fixed conversation: it renders, or says what is wrong, within its bounds.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/text/jinja.h"
#include "core/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    static const Json variables = parse_json(
        R"({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Größe <x>\\n"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "function": {"name": "f", "arguments": {"a": [1, 2.5, null]}}}]}],
            "tools": [{"type": "function", "function": {"name": "f"}}], "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true,
            "a": [3, 1, 2], "s": " Hello ", "n": null, "t": true, "f": 2.5, "i": -7, "d": {"b": 1, "a": [1, {"k": "v"}]}, "empty": [], "u": "Éß"})",
        "variables");
    try {
        const JinjaTemplate made({reinterpret_cast<const char*>(data), size}, "fuzz");
        const std::string text = made.render(variables, {}, {.work = 1 << 18, .output = 1 << 16});
        if (text.size() > 1 << 16 || !is_utf8(text)) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
