// Text to token ids and back, with the ids of the tokenizer that the model was trained with. `load_tokenizer` knows the formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/subword.h"

namespace microtome {

/// What is around the text's own tokens, and what the tokenizer is called.
struct TokenizerFacts {
    std::string kind;                    // "byte-level BPE", "SentencePiece BPE", "Unigram", "words", "characters", …
    std::string sha256;                  // of the files it was read from
    std::int64_t vocab_size = 0;         // one more than the highest id
    std::optional<std::int64_t> bos_id;  // beginning of sequence, if it has one
    std::vector<std::int64_t> before;    // ids that stand before every text by default (BOS); empty: none
    std::vector<std::int64_t> after;     // ids that follow every text
};

class Tokenizer {
  public:
    virtual ~Tokenizer() = default;
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;

    /// Ids of `text`; BOS as the model's own rule says, or as told (an Error if there is none to prepend). Special tokens written out in
    /// the text become their ids. What is not UTF-8 counts as U+FFFD (`to_valid_utf8`).
    std::vector<std::int64_t> encode(std::string_view text, std::optional<bool> prepend_bos = {}) const;
    /// Valid UTF-8 (U+FFFD for the rest). Ids without a token are left out, special tokens unless `skip_special` is false.
    std::string decode(std::span<const std::int64_t> ids, bool skip_special = true) const;
    /// The token as it reads in the middle of a text (" Mary"); bytes that are not UTF-8 as \xNN; "[id 50300]" if the id has no token.
    std::string piece(std::int64_t id) const;
    /// The one token that reads `text` in the middle of a text (" Mary"), or is a special token of that name; the lowest id if several do.
    std::optional<std::int64_t> token_id(std::string_view text) const;

    std::int64_t vocab_size() const { return facts_.vocab_size; }
    std::optional<std::int64_t> bos_id() const { return facts_.bos_id; }
    bool prepends_bos() const { return !facts_.before.empty(); }
    const std::string& kind() const { return facts_.kind; }
    const TokenizerFacts& facts() const { return facts_; }

  protected:
    Tokenizer() = default;
    virtual void encode_text(std::string_view text, std::vector<std::int64_t>& ids) const = 0;
    virtual std::string decode_ids(std::span<const std::int64_t> ids, bool skip_special) const = 0;
    /// Raw bytes of a token in the middle of a text; nothing if the id has none.
    virtual std::optional<std::string> bytes(std::int64_t id) const = 0;
    /// Every id that has a token, in any order.
    virtual std::vector<std::int64_t> known_ids() const = 0;

    TokenizerFacts facts_;

  private:
    mutable std::once_flag looked_up_;
    mutable TextMap<std::int64_t> by_text_;  // bytes → lowest id, made when first asked for
};

/// Whether `folder` holds files that `load_tokenizer` would read. A model without them works with ids alone.
bool has_tokenizer(const std::filesystem::path& folder);

/// From a folder, in this order: tokenizer.json (Hugging Face); vocab.json with merges.txt (GPT-2); llama2.c's tokenizer.bin or tok*.bin;
/// tokenizer.model (SentencePiece); vocab.json alone (words or characters). Or from one such file. What is not supported is an Error that
/// names it.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder_or_file);

}  // namespace microtome
