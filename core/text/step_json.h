// Shared by the readers of tokenizer.json's steps.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/text/json_pointer.h"
#include "core/text/regex.h"
#include "core/text/steps.h"
#include "core/text/utf8.h"

namespace microtome::steps {

using Splitter = std::function<std::vector<Stretch>(std::string_view)>;

/// {"String": "…"} or {"Regex": "…"} at `key`.
inline Splitter read_pattern(JsonReader& reader, const std::string& key) {
    JsonReader pattern = reader.object(key);
    if (pattern.has("String")) {
        std::string text = pattern.string("String");
        if (text.empty()) throw Error(reader.pointer(key), "a string to look for", "an empty one");
        return [text = std::move(text)](std::string_view in) { return stretches_of(in, text); };
    }
    const Regex regex(pattern.string("Regex"), reader.pointer(key) + "/Regex");
    return [regex](std::string_view in) { return regex.stretches(in); };
}

/// Exactly one character at `key`.
inline std::string read_character(JsonReader& reader, const std::string& key) {
    std::string text = reader.string(key);
    if (text.empty() || code_point(text, 0).bytes != text.size()) throw Error(reader.pointer(key), "one character", "\"" + text + "\"");
    return text;
}

/// NOTE: growth is bounded, so that no file can fill the memory: real tokenizers make a text at most three times as long.
inline void check_growth(std::size_t before, std::size_t now, const std::string& subject) {
    if (now > (before + 4096) * 64) throw Error(subject, "text of reasonable length", "more than 64 times what was given");
}

/// `text` with `content` where it matches.
inline std::string replaced(const std::string& text, const Splitter& pattern, const std::string& content, const std::string& subject) {
    std::string out;
    for (const Stretch& s : pattern(text)) {
        if (s.match)
            out += content;
        else
            out.append(text, s.begin, s.end - s.begin);
        check_growth(text.size(), out.size(), subject);
    }
    return out;
}

inline std::size_t size_of(const std::string& text) {
    return text.size();
}
inline std::size_t size_of(const std::vector<std::string>& tokens) {
    std::size_t bytes = 0;
    for (const std::string& token : tokens) bytes += token.size();
    return bytes;
}
inline std::size_t size_of(const std::vector<Piece>& pieces) {
    std::size_t bytes = 0;
    for (const Piece& piece : pieces) bytes += piece.text.size();
    return bytes;
}

/// One step after the other. `more`: what the steps take besides.
template <typename Step, typename Value, typename... More>
void run_all(const std::vector<Step>& all, const std::string& subject, Value& value, More... more) {
    const std::size_t before = size_of(value);
    for (const Step& one : all) {
        one(value, more...);
        check_growth(before, size_of(value), subject);
    }
}

/// The objects of the list at `key`, each given with its subject to `read`.
template <typename Step, typename Read>
std::vector<Step> read_list(JsonReader& reader, const std::string& key, Read read) {
    const Json& list = reader.at(key);
    if (!list.is_array()) throw Error(reader.pointer(key), "a list", list.type_name());
    std::vector<Step> out;
    for (std::size_t i = 0; i < list.size(); ++i)
        if (Step step = read(list[i], reader.pointer(key) + "/" + std::to_string(i))) out.push_back(std::move(step));
    return out;
}

[[noreturn]] inline void unsupported(JsonReader& reader, const char* known) {
    throw Error(reader.pointer("type"), std::string("one of ") + known, "\"" + reader.string("type") + "\", which is not supported");
}

}  // namespace microtome::steps
