// Any bytes as a SentencePiece model.
#include <cstdint>
#include <cstdlib>

#include "core/base/error.h"
#include "core/text/plain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    try {
        const auto tokenizer = read_sentencepiece({reinterpret_cast<const char*>(data), size}, "fuzz", {}, "");
        const std::string text = " Once  upon a time \xc3\xa9 \xf0\x9f\x98\x80\xe2\x96\x81 ";
        tokenizer->decode(tokenizer->encode(text));
        for (std::int64_t id = -1; id <= tokenizer->vocab_size(); ++id) tokenizer->piece(id);
    } catch (const Error&) {
    }
    return 0;
}
