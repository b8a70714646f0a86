#include "analyses/files/prompts.h"

#include <limits>

#include "core/base/error.h"

namespace microtome {
namespace {

[[noreturn]] void refuse(const JsonReader& reader, const std::string& key, const char* expected) {
    std::string got = reader.value()[key].dump(-1, ' ', false, Json::error_handler_t::replace);
    throw Error(reader.pointer(key), expected, got.size() > 60 ? got.substr(0, 60) + "…" : got);
}

std::string text_of(JsonReader& reader, const std::string& key) {
    std::string text = reader.string(key);
    if (text.empty()) refuse(reader, key, "a text that is not empty");
    return text;
}

// A label may be a class number.
std::string label_of(JsonReader& reader, const std::string& key) {
    if (!reader.has(key)) return "";
    const Json& value = reader.at(key);
    if (value.is_number_integer() || value.is_boolean()) return value.dump();
    return reader.string(key);
}

std::vector<std::int64_t> ids_of(JsonReader& reader, const std::string& key, bool single) {
    if (!reader.has(key)) return {};
    const Json& value = reader.at(key);
    const char* expected = single ? "a token id or a list of them" : "a list of token ids";
    auto id = [&](const Json& v) {
        // Ids are stored as int32 (activation store).
        if (!v.is_number_integer() || v.get<double>() < 0 || v.get<double>() > std::numeric_limits<std::int32_t>::max())
            refuse(reader, key, expected);
        return v.get<std::int64_t>();
    };
    if (single && !value.is_array()) return {id(value)};
    if (!value.is_array() || value.empty()) refuse(reader, key, expected);
    std::vector<std::int64_t> ids;
    for (const Json& v : value) ids.push_back(id(v));
    return ids;
}

std::vector<std::string> texts_of(JsonReader& reader, const std::string& key) {
    if (!reader.has(key)) return {};
    const Json& value = reader.at(key);
    if (value.is_string()) return {text_of(reader, key)};
    if (!value.is_array() || value.empty()) refuse(reader, key, "a text or a list of texts");
    std::vector<std::string> texts;
    for (const Json& v : value) {
        if (!v.is_string() || v.get_ref<const std::string&>().empty()) refuse(reader, key, "a text or a list of texts");
        texts.push_back(v.get<std::string>());
    }
    return texts;
}

void one_of_both(const JsonReader& reader, const char* text, const char* ids) {
    if (reader.has(text) && reader.has(ids)) throw Error(reader.pointer(ids), std::string("either ") + text + " or " + ids, "both");
}

int position_of(const JsonReader& reader, const std::string& key, const Json& value) {
    // Positions far beyond any context are slips, and small ones can't overflow later.
    constexpr std::int64_t most = 1 << 24;
    if (!value.is_number_integer() || value.get<double>() < -most || value.get<double>() > most)
        refuse(reader, key, "a position, a range [first, last] or a part of the text");
    return value.get<int>();
}

Span span_of(JsonReader& reader, const std::string& key) {
    const Json& value = reader.at(key);
    if (value.is_string()) return text_of(reader, key);
    if (!value.is_array()) return position_of(reader, key, value);
    if (value.size() != 2) refuse(reader, key, "a range [first, last]");
    std::pair<int, int> range{position_of(reader, key, value[0]), position_of(reader, key, value[1])};
    if ((range.first < 0) == (range.second < 0) && range.first > range.second) refuse(reader, key, "a range with first ≤ last");
    return range;
}

template <class P>
void read_common(JsonReader& reader, P& out) {
    out.label = label_of(reader, "label");
    out.group = label_of(reader, "group");
    if (reader.has("spans")) {
        JsonReader spans = reader.object("spans");
        for (const auto& [name, ignored] : spans.value().items()) {
            if (name.empty()) throw Error(reader.pointer("spans"), "roles with names", "\"\"");
            out.spans.emplace(name, span_of(spans, name));
        }
    }
    if (reader.has("prepend_bos")) out.prepend_bos = reader.boolean("prepend_bos", false);
    reader.done();
}

template <class P>
void write_common(const P& prompt, Json& json) {
    if (!prompt.label.empty()) json["label"] = prompt.label;
    if (!prompt.group.empty()) json["group"] = prompt.group;
    for (const auto& [name, span] : prompt.spans) std::visit([&](const auto& s) { json["spans"][name] = s; }, span);
    if (prompt.prepend_bos) json["prepend_bos"] = *prompt.prepend_bos;
}

template <class T>
void write_some(Json& json, const char* key, const std::vector<T>& values) {
    if (values.size() == 1) json[key] = values[0];
    if (values.size() > 1) json[key] = values;
}

}  // namespace

Prompt prompt_from_json(const Json& json, const std::string& subject, const std::string& where) {
    JsonReader reader(json, subject, where);
    Prompt prompt;
    one_of_both(reader, "text", "ids");
    prompt.ids = ids_of(reader, "ids", false);
    if (prompt.ids.empty()) prompt.text = text_of(reader, "text");
    read_common(reader, prompt);
    return prompt;
}

PromptPair pair_from_json(const Json& json, const std::string& subject, const std::string& where, bool corrupt_required) {
    JsonReader reader(json, subject, where);
    PromptPair pair;
    pair.id = reader.string("id", "");
    for (auto [text, ids] : {std::pair("clean", "clean_ids"), {"corrupt", "corrupt_ids"}, {"answer", "answer_id"}, {"foil", "foil_id"}})
        one_of_both(reader, text, ids);
    pair.clean_ids = ids_of(reader, "clean_ids", false);
    pair.corrupt_ids = ids_of(reader, "corrupt_ids", false);
    // A text beside ids would be tokenized by one rule and the ids by another.
    const bool ids = !pair.clean_ids.empty();
    if (!ids) pair.clean = text_of(reader, "clean");
    if (ids ? reader.has("corrupt") : reader.has("corrupt_ids"))
        throw Error(reader.pointer(ids ? "corrupt" : "corrupt_ids"), ids ? "corrupt_ids, as clean is ids" : "corrupt, as clean is a text",
                    ids ? "a text" : "ids");
    if (ids && corrupt_required) reader.at("corrupt_ids");
    if (!ids && (corrupt_required || reader.has("corrupt"))) pair.corrupt = text_of(reader, "corrupt");
    pair.answer = texts_of(reader, "answer");
    pair.foil = texts_of(reader, "foil");
    pair.answer_id = ids_of(reader, "answer_id", true);
    pair.foil_id = ids_of(reader, "foil_id", true);
    read_common(reader, pair);
    return pair;
}

Json to_json(const Prompt& prompt) {
    Json json = Json::object();
    if (prompt.ids.empty())
        json["text"] = prompt.text;
    else
        json["ids"] = prompt.ids;
    write_common(prompt, json);
    return json;
}

Json to_json(const PromptPair& pair) {
    Json json = Json::object();
    if (!pair.id.empty()) json["id"] = pair.id;
    if (!pair.clean_ids.empty())
        json["clean_ids"] = pair.clean_ids;
    else
        json["clean"] = pair.clean;
    if (!pair.corrupt_ids.empty())
        json["corrupt_ids"] = pair.corrupt_ids;
    else if (!pair.corrupt.empty())
        json["corrupt"] = pair.corrupt;
    write_some(json, "answer", pair.answer);
    write_some(json, "answer_id", pair.answer_id);
    write_some(json, "foil", pair.foil);
    write_some(json, "foil_id", pair.foil_id);
    write_common(pair, json);
    return json;
}

}  // namespace microtome
