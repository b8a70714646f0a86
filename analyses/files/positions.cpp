#include "analyses/files/positions.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

constexpr const char* grammar = "all, last, 3,5-7, -1, role:NAME or token:TEXT";
constexpr std::size_t longest = 10'000;
constexpr int furthest = 1 << 24;

struct Part {
    enum Kind { all, last, range, role, token } kind;
    int first = 0, end = 0;
    std::string text;
};

std::string trimmed(const std::string& text) {
    std::size_t first = text.find_first_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string in_quotes(const std::string& text) {
    return "\"" + text + "\"";
}

// "3", "-1", "5-7", "-3--1"
std::optional<Part> range_of(const std::string& text) {
    Part part{Part::range, 0, 0, ""};
    const char *at = text.data(), *end = at + text.size();
    auto number = [&](int& out) {
        auto [stop, error] = std::from_chars(at, end, out);
        at = stop;
        return error == std::errc() && out <= furthest && out >= -furthest;
    };
    if (!number(part.first)) return {};
    part.end = part.first;
    if (at == end) return part;
    if (*at++ != '-' || !number(part.end) || at != end) return {};
    return part;
}

std::vector<Part> parse(const std::string& expression, const std::string& subject) {
    auto refuse = [&](const std::string& got) -> void { throw Error(subject, grammar, got); };
    if (expression.size() > longest) refuse(std::to_string(expression.size()) + " bytes");
    std::vector<Part> parts;
    for (std::size_t at = 0; at <= expression.size();) {
        std::size_t start = expression.find_first_not_of(' ', at);
        if (start != std::string::npos && expression.compare(start, 6, "token:") == 0) {
            parts.push_back({Part::token, 0, 0, expression.substr(start + 6)});
            if (parts.back().text.empty()) refuse("token: without a text");
            return parts;
        }
        std::string word = trimmed(expression.substr(at, expression.find(',', at) - at));
        at = std::min(expression.find(',', at), expression.size()) + 1;
        if (word == "all")
            parts.push_back({Part::all, 0, 0, ""});
        else if (word == "last")
            parts.push_back({Part::last, 0, 0, ""});
        else if (word.starts_with("role:") && !trimmed(word.substr(5)).empty())
            parts.push_back({Part::role, 0, 0, trimmed(word.substr(5))});
        else if (auto range = range_of(word))
            parts.push_back(*range);
        else
            refuse(in_quotes(word));
    }
    return parts;
}

std::vector<int> indices(int first, int last, int count, const std::string& shown, const std::string& subject) {
    int from = first < 0 ? first + count : first, to = last < 0 ? last + count : last;
    if (from < 0 || to >= count || from > to) throw Error(subject, "positions within " + std::to_string(count) + " tokens", shown);
    std::vector<int> found(static_cast<std::size_t>(to - from + 1));
    std::iota(found.begin(), found.end(), from);
    return found;
}

// The bytes of a piece: Session::tokens shows a byte that is no UTF-8 by itself as \xNN.
std::string bytes_of(const std::string& piece) {
    std::string bytes;
    for (std::size_t i = 0; i < piece.size(); ++i) {
        unsigned value = 0;
        const char* digits = piece.data() + i + 2;
        if (piece.compare(i, 2, "\\x") == 0 && i + 4 <= piece.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2 &&
            value >= 0x80) {
            bytes += static_cast<char>(value);
            i += 3;
        } else {
            bytes += piece[i];
        }
    }
    return bytes;
}

struct Found {
    std::size_t times = 0;
    std::vector<int> positions;  // of the first occurrence
};

Found find_in(const std::string& part, const std::vector<std::string>& pieces, const std::string& between) {
    std::string text;
    std::vector<std::size_t> ends;
    for (const std::string& piece : pieces) {
        text += (ends.empty() ? "" : between) + piece;
        ends.push_back(text.size());
    }
    Found found;
    const std::size_t first = text.find(part);
    for (std::size_t at = first; at != std::string::npos; at = text.find(part, at + 1)) ++found.times;
    if (found.times == 0) return found;
    for (std::size_t i = 0; i < pieces.size(); ++i)
        if (ends[i] - pieces[i].size() < first + part.size() && ends[i] > first) found.positions.push_back(static_cast<int>(i));
    return found;
}

std::vector<int> resolve_text(const std::string& part, const std::vector<std::string>& pieces, const std::string& subject) {
    Found found = find_in(part, pieces, "");
    std::vector<std::string> bytes;
    for (const std::string& piece : pieces) bytes.push_back(bytes_of(piece));
    if (found.times == 0) found = find_in(part, bytes, "");
    // Tokenizers that take words apart at spaces show pieces without them.
    if (found.times == 0) found = find_in(part, bytes, " ");
    if (found.times != 1)
        throw Error(subject, in_quotes(part) + " once in the text", found.times == 0 ? "none" : std::to_string(found.times) + " times");
    return found.positions;
}

std::vector<int> resolve_role(const std::string& role, const std::vector<std::string>& pieces, const std::map<std::string, Span>& spans,
                              const std::string& subject) {
    if (auto it = spans.find(role); it != spans.end()) return resolve_span(it->second, pieces, subject + ", role " + role);
    std::vector<std::string> known;
    for (const auto& [name, ignored] : spans) known.push_back(name);
    throw Error(subject, known.empty() ? "prompts with spans for role:" + role : "one of the roles " + joined(known),
                with_suggestion(role, known));
}

std::vector<int> resolve_token(const std::string& text, const std::vector<std::string>& pieces, const std::string& subject) {
    std::vector<int> found;
    for (std::size_t i = 0; i < pieces.size(); ++i)
        if (pieces[i] == text) found.push_back(static_cast<int>(i));
    if (found.empty()) throw Error(subject, "a token of the prompt", with_suggestion(text, pieces));
    return found;
}

}  // namespace

void check_positions(const std::string& expression, const std::string& subject) {
    parse(expression, subject);
}

std::vector<int> resolve_span(const Span& span, const std::vector<std::string>& pieces, const std::string& subject) {
    const int count = static_cast<int>(pieces.size());
    if (const std::string* part = std::get_if<std::string>(&span)) return resolve_text(*part, pieces, subject);
    if (const int* one = std::get_if<int>(&span)) return indices(*one, *one, count, std::to_string(*one), subject);
    auto [first, last] = std::get<std::pair<int, int>>(span);
    return indices(first, last, count, "[" + std::to_string(first) + ", " + std::to_string(last) + "]", subject);
}

std::vector<int> resolve_positions(const std::string& expression, const std::vector<std::string>& pieces,
                                   const std::map<std::string, Span>& spans, const std::string& subject) {
    const int count = static_cast<int>(pieces.size());
    if (count == 0) throw Error(subject, "positions of a prompt", "a prompt without tokens");
    std::set<int> found;
    for (const Part& part : parse(expression, subject)) {
        std::vector<int> some;
        if (part.kind == Part::all) some = indices(0, -1, count, "all", subject);
        if (part.kind == Part::last) some = {count - 1};
        if (part.kind == Part::range) some = indices(part.first, part.end, count, in_quotes(expression), subject);
        if (part.kind == Part::role) some = resolve_role(part.text, pieces, spans, subject);
        if (part.kind == Part::token) some = resolve_token(part.text, pieces, subject);
        found.insert(some.begin(), some.end());
    }
    return {found.begin(), found.end()};
}

}  // namespace microtome
