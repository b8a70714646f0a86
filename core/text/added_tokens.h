// Tokens beside the model's vocabulary (specials, runs of spaces): found in the text before anything else looks at it.
#pragma once

#include "core/text/steps.h"
#include "core/text/subword.h"

namespace microtome {

struct AddedToken {
    std::int64_t id = 0;
    std::string content;
    std::string pattern;  // what is looked for: the content, normalized if `normalized`
    bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

class AddedTokens {
  public:
    AddedTokens() = default;
    /// Reads tokenizer.json's list. NOTE: ids as the reference numbers them: the model's own, else one after another after its vocabulary.
    AddedTokens(const Json& list, const SubwordModel& model, const Normalizer& normalizer, const std::string& subject);

    void add(AddedToken token);
    const AddedToken* find(std::int64_t id) const;
    const AddedToken* named(std::string_view content) const;
    const std::unordered_map<std::int64_t, AddedToken>& tokens() const { return tokens_; }
    std::int64_t highest() const { return highest_; }  // -1: none

    /// Splits `text` at tokens that are looked for in raw text, normalizes what lies between, and splits that at the others.
    std::vector<Piece> split(std::string_view text, const Normalizer& normalizer) const;

  private:
    // Patterns of one kind; the longest of those that begin first is taken.
    struct Set {
        TextMap<std::int64_t> ids;
        std::unordered_map<char, std::vector<std::size_t>> lengths;  // by first byte, longest first
        void add(const std::string& pattern, std::int64_t id);
    };
    void split(const Set& set, std::string_view text, bool at_start, std::vector<Piece>& out) const;

    std::unordered_map<std::int64_t, AddedToken> tokens_;
    TextMap<std::int64_t> by_content_;
    Set raw_, normalized_;
    std::int64_t highest_ = -1;
};

}  // namespace microtome
