#include "core/text/added_tokens.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/text/json_pointer.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

// The code point that ends just before `end`.
CodePoint before(std::string_view text, std::size_t end) {
    std::size_t at = end - 1;
    while (at > 0 && (text[at] & 0xc0) == 0x80) --at;
    return code_point(text, at);
}

bool word_before(std::string_view text, std::size_t at) {
    return at > 0 && is_word(before(text, at).value);
}

bool word_at(std::string_view text, std::size_t at) {
    return at < text.size() && is_word(code_point(text, at).value);
}

std::size_t without_space_before(std::string_view text, std::size_t at) {
    while (at > 0 && is_white_space(before(text, at).value)) at -= before(text, at).bytes;
    return at;
}

std::size_t past_space(std::string_view text, std::size_t at) {
    while (at < text.size() && is_white_space(code_point(text, at).value)) at += code_point(text, at).bytes;
    return at;
}

}  // namespace

AddedTokens::AddedTokens(const Json& list, const SubwordModel& model, const Normalizer& normalizer, const std::string& subject) {
    if (list.is_null()) return;
    if (!list.is_array()) throw Error(subject, "a list", list.type_name());
    auto next = static_cast<std::int64_t>(model.vocabulary().count());
    for (std::size_t i = 0; i < list.size(); ++i) {
        JsonReader reader = reader_at(list[i], subject + "/" + std::to_string(i));
        AddedToken token;
        token.content = reader.string("content");
        if (token.content.empty()) continue;
        token.single_word = reader.boolean("single_word", false);
        token.lstrip = reader.boolean("lstrip", false);
        token.rstrip = reader.boolean("rstrip", false);
        token.special = reader.boolean("special", false);
        token.normalized = reader.boolean("normalized", !token.special);
        token.pattern = token.content;
        if (token.normalized && normalizer) normalizer(token.pattern);
        const auto known = named(token.content) ? std::optional(named(token.content)->id) : model.vocabulary().find(token.content);
        token.id = known ? *known : next++;
        add(std::move(token));
    }
}

void AddedTokens::Set::add(const std::string& pattern, std::int64_t id) {
    if (pattern.empty()) return;
    ids[pattern] = id;
    std::vector<std::size_t>& sizes = lengths[pattern[0]];
    const auto place = std::lower_bound(sizes.begin(), sizes.end(), pattern.size(), std::greater<>());
    if (place == sizes.end() || *place != pattern.size()) sizes.insert(place, pattern.size());
}

void AddedTokens::add(AddedToken token) {
    highest_ = std::max(highest_, token.id);
    by_content_[token.content] = token.id;
    (token.normalized ? normalized_ : raw_).add(token.pattern, token.id);
    tokens_[token.id] = std::move(token);
}

const AddedToken* AddedTokens::find(std::int64_t id) const {
    const auto found = tokens_.find(id);
    return found == tokens_.end() ? nullptr : &found->second;
}

const AddedToken* AddedTokens::named(std::string_view content) const {
    const auto found = by_content_.find(content);
    return found == by_content_.end() ? nullptr : find(found->second);
}

void AddedTokens::split(const Set& set, std::string_view text, bool at_start, std::vector<Piece>& out) const {
    const auto put = [&](std::size_t begin, std::size_t end, std::optional<std::int64_t> token) {
        if (begin < end) out.push_back({std::string(text.substr(begin, end - begin)), at_start && begin == 0, token});
    };
    const auto longest_at = [&](std::size_t at) -> const TextMap<std::int64_t>::value_type* {
        const auto sizes = set.lengths.find(text[at]);
        if (sizes == set.lengths.end()) return nullptr;
        for (std::size_t size : sizes->second) {
            if (size > text.size() - at) continue;
            if (const auto found = set.ids.find(text.substr(at, size)); found != set.ids.end()) return &*found;
        }
        return nullptr;
    };
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto* match = longest_at(at);
        if (!match) {
            ++at;
            continue;
        }
        const AddedToken& token = tokens_.at(match->second);
        std::size_t begin = at, end = at + match->first.size();
        at = end;
        if (token.single_word && (word_before(text, begin) || word_at(text, end))) continue;
        if (token.lstrip) begin = without_space_before(text, begin);
        if (token.rstrip) end = past_space(text, end);
        begin = std::max(begin, done);  // spaces that the last one took are gone
        put(done, begin, {});
        put(begin, end, token.id);
        done = std::max(done, end);
    }
    put(done, text.size(), {});
}

std::vector<Piece> AddedTokens::split(std::string_view text, const Normalizer& normalizer) const {
    std::vector<Piece> raw, out;
    split(raw_, text, true, raw);
    for (Piece& piece : raw) {
        if (piece.token) {
            out.push_back(std::move(piece));
            continue;
        }
        if (normalizer) normalizer(piece.text);
        split(normalized_, piece.text, piece.at_start, out);
    }
    return out;
}

}  // namespace microtome
