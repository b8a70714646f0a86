// The steps of a Hugging Face tokenizer.json around its model: normalizers change text, pre-tokenizers split it, decoders turn tokens back.
// Each reads its JSON object into a function; one that is not supported is an Error that names it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace microtome {

/// A part of the text on its way to the model.
struct Piece {
    std::string text;
    bool at_start = false;              // it begins where the whole text begins
    std::optional<std::int64_t> token;  // it is an added token: nothing looks inside
};

using Normalizer = std::function<void(std::string&)>;
using PreTokenizer = std::function<void(std::vector<Piece>&)>;

enum class DecodeScope {
    text,   // all tokens of a text: valid UTF-8, the first one's added space removed
    piece,  // one token out of the middle: its raw bytes
};
using Decoder = std::function<void(std::vector<std::string>& tokens, DecodeScope)>;

/// `subject` is file and JSON pointer ("tokenizer.json#/normalizer"). A null value gives an empty function.
Normalizer read_normalizer(const Json& value, const std::string& subject);
PreTokenizer read_pre_tokenizer(const Json& value, const std::string& subject);
Decoder read_decoder(const Json& value, const std::string& subject);

/// GPT-2's own, for folders with vocab.json and merges.txt.
PreTokenizer byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);
Decoder byte_level_decoder();

}  // namespace microtome
