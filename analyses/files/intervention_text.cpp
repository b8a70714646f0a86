// Interventions as typed: `zero L3.H1.z`, `add L2.resid_post strength=4 source=love-hate @last`, or the session file's JSON.
#include <charconv>
#include <vector>

#include "analyses/files/session_file.h"
#include "core/base/error.h"

namespace microtome {
namespace {

constexpr const char* grammar = "TYPE TARGET [strength=N] [source=WHAT] [seed=N] [heads=0,2] [layers=1,2] [@POSITIONS], or JSON";
constexpr std::size_t longest = 10'000;

// Words at spaces outside quotation marks; what begins with @ takes the rest.
std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ' ' || text[at] == '\t') {
            ++at;
            continue;
        }
        std::size_t start = at;
        char mark = 0;
        if (text[at] == '@')
            at = text.size();
        else
            for (; at < text.size() && (mark || (text[at] != ' ' && text[at] != '\t')); ++at)
                if (mark ? text[at] == mark : text[at] == '"' || text[at] == '\'') mark = mark ? 0 : text[at];
        words.push_back(text.substr(start, at - start));
    }
    return words;
}

Json number_of(const std::string& text, const std::string& subject) {
    double value = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size()) throw Error(subject, "a number", "\"" + text + "\"");
    return value;
}

Json integer_of(const std::string& text, const std::string& subject) {
    std::int64_t value = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size()) throw Error(subject, "an integer", "\"" + text + "\"");
    return value;
}

Json list_of(const std::string& text, const std::string& subject) {
    Json list = Json::array();
    for (std::size_t at = 0; at <= text.size();) {
        std::size_t end = std::min(text.find(',', at), text.size());
        list.push_back(integer_of(text.substr(at, end - at), subject));
        at = end + 1;
    }
    return list;
}

Json json_of(const std::string& text, const std::string& subject) {
    auto words = words_of(text);
    if (text.size() > longest || words.size() < 2) throw Error(subject, grammar, "\"" + text.substr(0, 100) + "\"");
    Json json{{"type", words[0]}, {"target", words[1]}};
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::string& word = words[i];
        std::size_t sign = word.find('=');
        std::string key = word[0] == '@' ? "positions" : word.substr(0, sign), value = word.substr(word[0] == '@' ? 1 : sign + 1);
        if ((word[0] != '@' && sign == std::string::npos) || json.contains(key)) throw Error(subject, grammar, "\"" + word + "\"");
        std::string at = subject + ", " + key;
        if (key == "positions" || key == "source" || key == "id")
            json[key] = value;
        else if (key == "strength")
            json[key] = number_of(value, at);
        else if (key == "seed")
            json[key] = integer_of(value, at);
        else if (key == "heads" || key == "layers")
            json[key] = list_of(value, at);
        else
            throw Error(subject, grammar, "\"" + word + "\"");
    }
    return json;
}

}  // namespace

Intervention intervention_from_text(const std::string& text, const std::string& id, const std::string& subject) {
    std::size_t start = text.find_first_not_of(" \t\n");
    bool is_json = start != std::string::npos && text[start] == '{';
    Json json = is_json ? parse_json(text, subject) : json_of(text, subject);
    if (json.is_object() && !json.contains("id")) json["id"] = id;
    return intervention_from_json(json, subject, "");
}

}  // namespace microtome
