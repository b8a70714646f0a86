// Other formats: llama2.c's file, SentencePiece's model, and plain vocabularies of words or characters.
#pragma once

#include "core/text/pipeline.h"

namespace microtome {

/// llama2.c's tokenizer.bin: int32 longest token, then for each token float32 score, int32 length, bytes; to the end of the file.
bool is_llama2c(std::string_view file);
std::unique_ptr<Tokenizer> read_llama2c(std::string_view file, const std::string& subject, std::string sha256);

/// SentencePiece's tokenizer.model (a protocol buffer), of the types BPE and Unigram without a table of character rules.
std::unique_ptr<Tokenizer> read_sentencepiece(std::string_view file, const std::string& subject, const BosHints& hints, std::string sha256);

/// vocab.json without merges: {"token": id}, {"stoi": {…}}, {"itos": {"id": "token"} or ["token", …]} or ["token", …].
std::unique_ptr<Tokenizer> read_plain_vocabulary(const Json& json, const std::string& subject, const BosHints& hints, std::string sha256);

}  // namespace microtome
