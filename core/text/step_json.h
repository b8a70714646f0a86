// Shared by the readers of tokenizer.json's steps.
#pragma once

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/text/regex.h"
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

/// `text` with `content` where it matches. NOTE: growth is bounded, so that no file can fill the memory.
inline std::string replaced(const std::string& text, const Splitter& pattern, const std::string& content, const std::string& subject) {
    const std::size_t most = (text.size() + (1 << 20)) * 64;
    std::string out;
    for (const Stretch& s : pattern(text)) {
        if (s.match)
            out += content;
        else
            out.append(text, s.begin, s.end - s.begin);
        if (out.size() > most) throw Error(subject, "a replacement of reasonable length", "more than 64 times the text");
    }
    return out;
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
