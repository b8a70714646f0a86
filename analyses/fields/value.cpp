#include "analyses/fields/value.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "…" : text;
}

// 1 and 0.5, not 1.000000.
std::string plain(double value) {
    return Json(value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value)) : Json(value)).dump();
}

std::string wanted(const FieldInfo& field, const char* kind) {
    if (field.least && field.most) return std::string(kind) + " from " + plain(*field.least) + " to " + plain(*field.most);
    if (field.least) return std::string(kind) + " of at least " + plain(*field.least);
    if (field.most) return std::string(kind) + " of at most " + plain(*field.most);
    return kind;
}

bool allowed(const FieldInfo& field, double value) {
    return (!field.least || value >= *field.least) && (!field.most || value <= *field.most);
}

template <class T>
void read_integer(const Json& json, const FieldInfo& field, const std::string& subject, T& out) {
    // Unsigned values beyond int64 would wrap in get<int64_t>.
    bool fits = json.is_number_integer() && !(json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX);
    std::int64_t value = fits ? json.get<std::int64_t>() : 0;
    fits = fits && value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
    if (!fits || !allowed(field, static_cast<double>(value))) throw Error(subject, wanted(field, "an integer"), shown(json));
    out = static_cast<T>(value);
}

template <class T, class Read>
void read_list(const Json& json, const std::string& subject, const char* of, std::vector<T>& out, Read read) {
    if (!json.is_array()) throw Error(subject, std::string("a list of ") + of, shown(json));
    std::vector<T> list(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) read(json[i], subject + "/" + std::to_string(i), list[i]);
    out = std::move(list);
}

template <class T>
void read_values(const Json& json, const FieldInfo& field, const std::string& subject, const char* of, std::vector<T>& out) {
    read_list(json, subject, of, out, [&](const Json& j, const std::string& s, T& v) { read_value(j, field, s, v); });
}

// "run.json#/steps/0" to "run.json" and "/steps/0"; "toy: pairs/0" to "toy" and "/pairs/0".
std::pair<std::string, std::string> split_pointer(const std::string& subject) {
    if (std::size_t hash = subject.rfind('#'); hash != std::string::npos) return {subject.substr(0, hash), subject.substr(hash + 1)};
    if (std::size_t colon = subject.rfind(": "); colon != std::string::npos)
        return {subject.substr(0, colon), "/" + subject.substr(colon + 2)};
    return {subject, ""};
}

}  // namespace

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, int& out) {
    read_integer(json, field, subject, out);
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::int64_t& out) {
    read_integer(json, field, subject, out);
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, double& out) {
    if (!json.is_number() || !std::isfinite(json.get<double>()) || !allowed(field, json.get<double>()))
        throw Error(subject, wanted(field, "a number"), shown(json));
    out = json.get<double>();
}

void read_value(const Json& json, const FieldInfo&, const std::string& subject, bool& out) {
    if (!json.is_boolean()) throw Error(subject, "true or false", shown(json));
    out = json.get<bool>();
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::string& out) {
    if (!json.is_string()) throw Error(subject, field.choices.empty() ? "a string" : joined(field.choices), shown(json));
    const std::string& text = json.get_ref<const std::string&>();
    if (!field.choices.empty() && std::find(field.choices.begin(), field.choices.end(), text) == field.choices.end())
        throw Error(subject, joined(field.choices), with_suggestion(text, field.choices));
    out = text;
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<std::string>& out) {
    read_values(json, field, subject, "strings", out);
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<int>& out) {
    read_values(json, field, subject, "integers", out);
}

void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<std::int64_t>& out) {
    read_values(json, field, subject, "integers", out);
}

void read_value(const Json& json, const FieldInfo&, const std::string& subject, std::vector<Prompt>& out) {
    read_list(json, subject, "prompts", out, [](const Json& j, const std::string& s, Prompt& v) {
        auto [file, where] = split_pointer(s);
        v = prompt_from_json(j, file, where);
    });
}

void read_value(const Json& json, const FieldInfo&, const std::string& subject, std::vector<PromptPair>& out) {
    read_list(json, subject, "prompt pairs", out, [](const Json& j, const std::string& s, PromptPair& v) {
        auto [file, where] = split_pointer(s);
        v = pair_from_json(j, file, where);
    });
}

Json value_json(const std::vector<Prompt>& prompts) {
    Json list = Json::array();
    for (const Prompt& p : prompts) list.push_back(to_json(p));
    return list;
}

Json value_json(const std::vector<PromptPair>& pairs) {
    Json list = Json::array();
    for (const PromptPair& p : pairs) list.push_back(to_json(p));
    return list;
}

std::string within_subject(const std::string& subject, const std::string& name) {
    if (subject.empty()) return name;
    return subject + (subject.find('#') == std::string::npos ? ": " : "/") + name;
}

void refuse_unknown(const std::string& subject, const std::string& key, const std::vector<FieldInfo>& known) {
    std::vector<std::string> names;
    for (const FieldInfo& field : known) names.push_back(field.name);
    throw Error(within_subject(subject, key), names.empty() ? "no parameters" : "one of the parameters " + joined(names),
                with_suggestion(key, names));
}

}  // namespace microtome
