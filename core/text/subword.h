// Models of tokenizer.json: what splits a piece of text into the vocabulary's tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/json.h"

namespace microtome {

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// Tokens and their ids, both ways. Ids may have gaps.
class Vocabulary {
  public:
    /// An Error beginning with `subject` if the id is negative, 2^24 or more, or has a token already.
    void add(std::string token, std::int64_t id, const std::string& subject);

    std::optional<std::int64_t> find(std::string_view token) const;
    const std::string* token(std::int64_t id) const;
    std::size_t count() const { return tokens_.size(); }
    std::int64_t highest() const { return highest_; }  // -1: empty
    std::vector<std::int64_t> known_ids() const;
    const std::unordered_map<std::int64_t, std::string>& tokens() const { return tokens_; }

  private:
    TextMap<std::int64_t> ids_;
    std::unordered_map<std::int64_t, std::string> tokens_;
    std::int64_t highest_ = -1;
};

/// The object {"token": id, …}.
Vocabulary read_vocabulary(const Json& object, const std::string& subject);

/// The 256 tokens <0x00> to <0xFF> as far as they are in the vocabulary.
class ByteTokens {
  public:
    explicit ByteTokens(const Vocabulary& vocabulary);
    /// Appends a token for each byte, or nothing if one of them has none.
    bool append(std::string_view bytes, std::vector<std::int64_t>& ids) const;

  private:
    std::vector<std::int64_t> ids_;  // -1: none
};

class SubwordModel {
  public:
    virtual ~SubwordModel() = default;
    /// Appends the ids of one piece (valid UTF-8).
    virtual void tokenize(std::string_view piece, std::vector<std::int64_t>& ids) const = 0;
    virtual const Vocabulary& vocabulary() const = 0;
};

struct BpeOptions {
    std::optional<std::string> unknown;
    bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};
/// `merges`: pairs of tokens, best first.
std::unique_ptr<SubwordModel> make_bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
                                       const BpeOptions& options, const std::string& subject);

/// A token with the score that decides between splits. NOTE: one that is not `matched` (<s>, <0x41>) has an id but is never found in a
/// text.
struct ScoredToken {
    std::string text;
    double score = 0;
    bool matched = true;
};
/// Ids are the places in `tokens`.
std::unique_ptr<SubwordModel> make_unigram(const std::vector<ScoredToken>& tokens, std::optional<std::int64_t> unknown, bool byte_fallback,
                                           const std::string& subject);
/// SentencePiece's BPE: any two neighbours whose text is a token merge, the best score first.
std::unique_ptr<SubwordModel> make_scored_bpe(const std::vector<ScoredToken>& tokens, std::int64_t unknown, bool byte_fallback,
                                              const std::string& subject);

/// `subject` is file and JSON pointer of the model object.
std::unique_ptr<SubwordModel> read_subword_model(const Json& value, const std::string& subject);
std::unique_ptr<SubwordModel> read_unigram(JsonReader& reader);

}  // namespace microtome
