#include "core/text/subword.h"

#include "core/base/error.h"
#include "core/text/json_pointer.h"
#include "core/text/merge.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

// Far above any vocabulary: who makes a table of vocab_size() entries needs no check of his own.
constexpr std::int64_t highest_id = (std::int64_t{1} << 24) - 1;

class Bpe : public SubwordModel {
  public:
    Bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, const BpeOptions& options,
        const std::string& subject)
        : vocabulary_(std::move(vocabulary)), bytes_(vocabulary_), options_(options) {
        if (options.unknown) {
            unknown_ = vocabulary_.find(*options.unknown);
            if (!unknown_) throw Error(subject + "/unk_token", "a token of the vocabulary", "\"" + *options.unknown + "\"");
        }
        merges_.reserve(merges.size());
        for (std::size_t rank = 0; rank < merges.size(); ++rank) {
            const auto& [left, right] = merges[rank];
            const std::string where = subject + "/merges/" + std::to_string(rank);
            // One after the other: which token an error names must not hang on the compiler's order of evaluation.
            const std::int64_t first = wanted(left, where), second = wanted(right, where), whole = wanted(left + right, where);
            merges_[key(first, second)] = {static_cast<std::int64_t>(rank), whole};
        }
    }

    const Vocabulary& vocabulary() const override { return vocabulary_; }

    void tokenize(std::string_view piece, std::vector<std::int64_t>& ids) const override {
        if (options_.ignore_merges) {
            if (const auto whole = vocabulary_.find(piece)) {
                ids.push_back(*whole);
                return;
            }
        }
        const std::size_t from = ids.size();
        append_characters(piece, ids);
        merge_pairs(ids, from, [this](std::int64_t left, std::int64_t right) -> std::optional<Merge> {
            const auto found = merges_.find(key(left, right));
            if (found == merges_.end()) return {};
            return found->second;
        });
    }

  private:
    static std::uint64_t key(std::int64_t left, std::int64_t right) {
        return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
    }

    std::int64_t wanted(const std::string& token, const std::string& where) const {
        const auto id = vocabulary_.find(token);
        if (!id) throw Error(where, "tokens of the vocabulary", "\"" + token + "\"");
        return *id;
    }

    // NOTE: an unknown character waits for the next known one, past bytes in between: the reference's order.
    void append_characters(std::string_view piece, std::vector<std::int64_t>& ids) const {
        bool waiting = false;
        for (std::size_t i = 0; i < piece.size();) {
            const std::string_view character = piece.substr(i, code_point(piece, i).bytes);
            i += character.size();
            if (const auto id = vocabulary_.find(character)) {
                if (waiting) ids.push_back(*unknown_);
                waiting = false;
                ids.push_back(*id);
            } else if (!(options_.byte_fallback && bytes_.append(character, ids)) && unknown_) {
                if (waiting && !options_.fuse_unknown) ids.push_back(*unknown_);
                waiting = true;
            }
        }
        if (waiting) ids.push_back(*unknown_);
    }

    Vocabulary vocabulary_;
    ByteTokens bytes_;
    BpeOptions options_;
    std::optional<std::int64_t> unknown_;
    std::unordered_map<std::uint64_t, Merge> merges_;
};

class WordLevel : public SubwordModel {
  public:
    WordLevel(Vocabulary vocabulary, std::string unknown) : vocabulary_(std::move(vocabulary)), unknown_(std::move(unknown)) {}

    const Vocabulary& vocabulary() const override { return vocabulary_; }

    void tokenize(std::string_view piece, std::vector<std::int64_t>& ids) const override {
        auto id = vocabulary_.find(piece);
        if (!id) id = vocabulary_.find(unknown_);
        if (!id) throw Error("text", "words of the vocabulary (it has no token for others)", "\"" + std::string(piece) + "\"");
        ids.push_back(*id);
    }

  private:
    Vocabulary vocabulary_;
    std::string unknown_;
};

std::pair<std::string, std::string> read_merge(const Json& value, const std::string& where) {
    if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
        return {value[0].get<std::string>(), value[1].get<std::string>()};
    if (value.is_string()) {
        const std::string text = value.get<std::string>();
        const std::size_t space = text.find(' ');
        if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
            return {text.substr(0, space), text.substr(space + 1)};
    }
    throw Error(where, "two tokens", value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60));
}

// What a null leaves at its default.
bool flag(JsonReader& reader, const std::string& key) {
    return reader.has(key) && !reader.at(key).is_null() && reader.boolean(key, false);
}

void refuse_text(JsonReader& reader, const std::string& key) {
    if (!reader.has(key) || reader.at(key).is_null()) return;
    if (const std::string text = reader.string(key); !text.empty())
        throw Error(reader.pointer(key), "none (it is not supported)", "\"" + text + "\"");
}

std::unique_ptr<SubwordModel> read_bpe(JsonReader& reader, const std::string& subject) {
    refuse_text(reader, "continuing_subword_prefix");
    refuse_text(reader, "end_of_word_suffix");
    if (reader.has("dropout") && !reader.at("dropout").is_null() && reader.number("dropout") != 0)
        throw Error(reader.pointer("dropout"), "none (ids must not be random)", reader.at("dropout").dump());
    BpeOptions options;
    if (reader.has("unk_token") && !reader.at("unk_token").is_null()) options.unknown = reader.string("unk_token");
    options.fuse_unknown = flag(reader, "fuse_unk");
    options.byte_fallback = flag(reader, "byte_fallback");
    options.ignore_merges = flag(reader, "ignore_merges");
    const Json& list = reader.at("merges");
    if (!list.is_array()) throw Error(reader.pointer("merges"), "a list", list.type_name());
    std::vector<std::pair<std::string, std::string>> merges;
    for (std::size_t i = 0; i < list.size(); ++i) merges.push_back(read_merge(list[i], reader.pointer("merges") + "/" + std::to_string(i)));
    return make_bpe(read_vocabulary(reader.at("vocab"), reader.pointer("vocab")), merges, options, subject);
}

}  // namespace

void Vocabulary::add(std::string token, std::int64_t id, const std::string& subject) {
    if (id < 0 || id > highest_id) throw Error(subject, "ids from 0 to " + std::to_string(highest_id), std::to_string(id));
    const auto [place, is_new] = tokens_.try_emplace(id, token);
    if (!is_new)
        throw Error(subject, "a different id for each token", std::to_string(id) + " for \"" + place->second + "\" and \"" + token + "\"");
    ids_.insert_or_assign(std::move(token), id);  // of two equal tokens (Unigram allows them) the last counts
    highest_ = std::max(highest_, id);
}

std::optional<std::int64_t> Vocabulary::find(std::string_view token) const {
    const auto found = ids_.find(token);
    if (found == ids_.end()) return {};
    return found->second;
}

const std::string* Vocabulary::token(std::int64_t id) const {
    const auto found = tokens_.find(id);
    return found == tokens_.end() ? nullptr : &found->second;
}

std::vector<std::int64_t> Vocabulary::known_ids() const {
    std::vector<std::int64_t> ids;
    for (const auto& [id, token] : tokens_) ids.push_back(id);
    return ids;
}

Vocabulary read_vocabulary(const Json& object, const std::string& subject) {
    if (!object.is_object()) throw Error(subject, "an object of tokens and ids", object.type_name());
    Vocabulary vocabulary;
    for (const auto& [token, id] : object.items()) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > highest_id)
            throw Error(subject, "ids from 0 to " + std::to_string(highest_id),
                        (id.is_number() ? id.dump() : std::string(id.type_name())) + " for \"" + token + "\"");
        vocabulary.add(token, id.get<std::int64_t>(), subject);
    }
    return vocabulary;
}

ByteTokens::ByteTokens(const Vocabulary& vocabulary) {
    for (int b = 0; b < 256; ++b) {
        const std::string token = std::string("<0x") + "0123456789ABCDEF"[b >> 4] + "0123456789ABCDEF"[b & 15] + ">";
        ids_.push_back(vocabulary.find(token).value_or(-1));
    }
}

bool ByteTokens::append(std::string_view bytes, std::vector<std::int64_t>& ids) const {
    for (char b : bytes)
        if (ids_[static_cast<std::uint8_t>(b)] < 0) return false;
    for (char b : bytes) ids.push_back(ids_[static_cast<std::uint8_t>(b)]);
    return true;
}

std::unique_ptr<SubwordModel> make_bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
                                       const BpeOptions& options, const std::string& subject) {
    return std::make_unique<Bpe>(std::move(vocabulary), merges, options, subject);
}

std::unique_ptr<SubwordModel> read_subword_model(const Json& value, const std::string& subject) {
    JsonReader reader = reader_at(value, subject);
    // Files of the first years name no type; only BPE has merges.
    const std::string type = reader.string("type", reader.has("merges") ? "BPE" : reader.has("unk_id") ? "Unigram" : "WordLevel");
    if (type == "BPE") return read_bpe(reader, subject);
    if (type == "Unigram") return read_unigram(reader);
    if (type == "WordLevel")
        return std::make_unique<WordLevel>(read_vocabulary(reader.at("vocab"), reader.pointer("vocab")),
                                           reader.string("unk_token", "<unk>"));
    throw Error(reader.pointer("type"), "BPE, WordLevel or Unigram", "\"" + type + "\", which is not supported");
}

}  // namespace microtome
