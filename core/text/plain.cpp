#include "core/text/plain.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

bool is_special_name(std::string_view token) {
    return token.size() > 2 && ((token.starts_with('<') && token.ends_with('>')) || (token.starts_with('[') && token.ends_with(']')));
}

bool is_character(std::string_view token) {
    return !token.empty() && code_point(token, 0).bytes == token.size();
}

bool holds_space(std::string_view token) {
    for (std::size_t i = 0; i < token.size(); i += code_point(token, i).bytes)
        if (is_white_space(code_point(token, i).value)) return true;
    return false;
}

class PlainVocabulary : public Tokenizer {
  public:
    PlainVocabulary(Vocabulary vocabulary, const BosHints& hints, std::string sha256) : vocabulary_(std::move(vocabulary)) {
        bool characters = true, spaces = false;
        for (const auto& [id, token] : vocabulary_.tokens()) {
            longest_ = std::max(longest_, token.size());
            characters = characters && (is_character(token) || is_special_name(token));
            spaces = spaces || holds_space(token);
        }
        words_ = !characters && !spaces;
        for (const char* name : {"<unk>", "[UNK]", "<|unk|>", "UNK"})
            if (!unknown_) unknown_ = vocabulary_.find(name);
        facts_.kind = characters ? "characters" : words_ ? "words" : "longest match";
        facts_.sha256 = std::move(sha256);
        facts_.vocab_size = vocabulary_.highest() + 1;
        settle_bos(facts_, hints, false, [this](std::string_view name) { return vocabulary_.find(name); });
    }

  protected:
    void encode_text(std::string_view text, std::vector<std::int64_t>& ids) const override {
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = words_ ? word_size(text, at) : longest_at(text, at);
            const std::string_view token = text.substr(at, size ? size : code_point(text, at).bytes);
            at += token.size();
            if (words_ && size == 0) continue;  // white space
            auto id = vocabulary_.find(token);
            if (!id) id = unknown_;
            if (!id)
                throw Error("text", (words_ ? "words" : "characters") + std::string(" of the vocabulary (it has no token for others)"),
                            "\"" + std::string(token) + "\"");
            ids.push_back(*id);
        }
    }

    std::string decode_ids(std::span<const std::int64_t> ids, bool skip_special) const override {
        std::string text;
        for (const std::int64_t id : ids) {
            const std::string* token = vocabulary_.token(id);
            if (!token || (skip_special && is_special_name(*token))) continue;
            if (words_ && !text.empty()) text += ' ';
            text += *token;
        }
        return text;
    }

    std::optional<std::string> bytes(std::int64_t id) const override {
        const std::string* token = vocabulary_.token(id);
        return token ? std::optional(*token) : std::nullopt;
    }

    std::vector<std::int64_t> known_ids() const override { return vocabulary_.known_ids(); }

  private:
    // Bytes up to the next white space; 0 if it stands at `at`.
    static std::size_t word_size(std::string_view text, std::size_t at) {
        std::size_t end = at;
        while (end < text.size() && !is_white_space(code_point(text, end).value)) end += code_point(text, end).bytes;
        return end - at;
    }

    std::size_t longest_at(std::string_view text, std::size_t at) const {
        for (std::size_t size = std::min(longest_, text.size() - at); size > 0; --size)
            if (vocabulary_.find(text.substr(at, size))) return size;
        return 0;
    }

    Vocabulary vocabulary_;
    std::optional<std::int64_t> unknown_;
    std::size_t longest_ = 0;
    bool words_ = false;
};

Vocabulary from_list(const Json& list, const std::string& subject) {
    Vocabulary vocabulary;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (!list[i].is_string()) throw Error(subject + "/" + std::to_string(i), "a token", list[i].type_name());
        vocabulary.add(list[i].get<std::string>(), static_cast<std::int64_t>(i), subject);
    }
    return vocabulary;
}

Vocabulary from_itos(const Json& object, const std::string& subject) {
    if (object.is_array()) return from_list(object, subject);
    if (!object.is_object()) throw Error(subject, "an object of ids and tokens", object.type_name());
    Vocabulary vocabulary;
    for (const auto& [key, token] : object.items()) {
        if (key.empty() || key.size() > 10 || key.find_first_not_of("0123456789") != std::string::npos || !token.is_string())
            throw Error(subject + "/" + key, "an id and its token", token.type_name());
        vocabulary.add(token.get<std::string>(), std::stoll(key), subject);
    }
    return vocabulary;
}

}  // namespace

std::unique_ptr<Tokenizer> read_plain_vocabulary(const Json& json, const std::string& subject, const BosHints& hints, std::string sha256) {
    Vocabulary vocabulary;
    if (json.is_array())
        vocabulary = from_list(json, subject);
    else if (json.contains("itos") && json["itos"].is_structured())
        vocabulary = from_itos(json["itos"], subject + "#/itos");
    else if (json.contains("stoi") && json["stoi"].is_object())
        vocabulary = read_vocabulary(json["stoi"], subject + "#/stoi");
    else
        vocabulary = read_vocabulary(json, subject);
    for (const auto& [id, token] : vocabulary.tokens())
        if (token.empty()) throw Error(subject, "tokens of at least one character", "an empty one with id " + std::to_string(id));
    return std::make_unique<PlainVocabulary>(std::move(vocabulary), hints, std::move(sha256));
}

}  // namespace microtome
