// Any bytes as a tokenizer.json or vocab.json, which then encodes and decodes texts.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/text/plain.h"
#include "core/text/utf8.h"

namespace {

using namespace microtome;

constexpr std::string_view texts[] = {
    "",
    " Once upon\ta time,  they'd 12 caf\xc3\xa9s\n\n",
    "<s>e\xcc\x81 \xe2\x96\x81x \xf0\x9f\x98\x80\xe4\xbb\x8a [MASK] <0x41></s>",
    "broken \xff\xe2\x82 end\xf0\x9f",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa                                ",
};

void use(const Tokenizer& tokenizer) {
    for (const std::string_view text : texts) {
        try {
            const auto ids = tokenizer.encode(text, false);
            const std::string back = tokenizer.decode(ids, false);
            if (to_valid_utf8(back) != back) std::abort();
        } catch (const Error&) {  // a word that it has no token for
        }
    }
    for (const std::int64_t id :
         {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, tokenizer.vocab_size() - 1, tokenizer.vocab_size(), INT64_MAX})
        if (const std::string piece = tokenizer.piece(id); to_valid_utf8(piece) != piece) std::abort();
    tokenizer.token_id(" the");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const Json json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
        const bool pipeline = json.is_object() && json.contains("model");
        use(pipeline ? *read_tokenizer_json(json, "fuzz", {}, "") : *read_plain_vocabulary(json, "fuzz", {}, ""));
    } catch (const Error&) {
    }
    return 0;
}
