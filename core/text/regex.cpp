#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/regex.h"

#include <pcre2.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

// Unicode's White_Space and \w as lists for a class. PCRE2's own \s takes U+180E too, and its \w leaves out marks.
constexpr std::string_view white_space =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view word = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc})";
constexpr std::string_view hexadecimal = "0-9a-fA-F";

// Steps of one match: far above what tokenizer patterns need, which is a few for each byte; others must not take hours.
std::uint32_t most_steps(std::size_t bytes) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(100'000 + 64 * bytes, 1'000'000'000));
}

void append(std::vector<Stretch>& out, std::size_t begin, std::size_t end, bool match) {
    if (match || begin != end) out.push_back({begin, end, match});
}

std::string escape_of(char c, bool in_class, const std::string& subject) {
    std::string_view list;
    switch (c) {
        case 's':
        case 'S':
            list = white_space;
            break;
        case 'w':
        case 'W':
            list = word;
            break;
        case 'h':
        case 'H':
            list = hexadecimal;
            break;
        case 'C':
        case 'K':
        case 'R':
        case 'X':
        case 'G':
        case 'Q':
        case 'E':
        case 'Z':
        case 'N':
        case 'O':
        case 'y':
        case 'Y':
            throw Error(subject, "a pattern that Oniguruma and PCRE2 read alike", std::string("\\") + c);
        default:
            return std::string("\\") + c;
    }
    const bool negated = c < 'a';
    if (!in_class) return (negated ? "[^" : "[") + std::string(list) + "]";
    if (!negated) return std::string(list);
    if (c == 'S') return "\\S";  // NOTE: within a class U+180E counts as white space here
    throw Error(subject, "a pattern without negated classes inside a class", std::string("\\") + c);
}

// "(?im-x:" or "(?m)" at the start of `text`.
bool sets_option(std::string_view text, char option) {
    if (!text.starts_with("(?")) return false;
    const std::size_t end = std::min(text.find_first_not_of("-abcdefghijklmnopqrstuvwxyz", 2), text.size());
    return end < text.size() && (text[end] == ':' || text[end] == ')') && text.substr(2, end - 2).find(option) != std::string_view::npos;
}

}  // namespace

std::string translate_pattern(std::string_view pattern, const std::string& subject) {
    std::string out;
    int depth = 0;               // of classes: PCRE2 knows none inside another; their union is the members side by side
    std::size_t class_from = 0;  // where the outer class's first member stands
    const auto refuse = [&](const char* expected) { throw Error(subject, expected, std::string(pattern)); };
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        const std::string_view rest = pattern.substr(i);
        if (c == '\\' && rest.size() > 1) {
            out += escape_of(pattern[++i], depth > 0, subject);
            continue;
        }
        if (depth == 0) {
            if (sets_option(rest, 'm')) refuse("a pattern without the option m (its meaning differs)");
            if (rest.starts_with("(*")) refuse("a pattern without PCRE2's verbs");
            if (c == '[') class_from = i + (rest.starts_with("[^") ? 2 : 1);
        }
        if (c == '[' && depth++ > 0) {
            if (rest.starts_with("[^") || rest.starts_with("[:")) refuse("a pattern without negated or named classes inside a class");
            continue;
        }
        if (depth > 0 && rest.starts_with("&&")) refuse("a pattern without intersections of classes");
        if (depth > 0 && c == ']' && i != class_from && --depth > 0) continue;
        out += c;
    }
    return out;
}

struct Regex::Code {
    pcre2_code* code = nullptr;
    ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, std::string subject) : subject_(std::move(subject)) {
    if (pattern.empty()) throw Error(subject_, "a pattern", "an empty one");
    if (pattern.size() > 65536) throw Error(subject_, "a pattern of at most 65536 bytes", std::to_string(pattern.size()));
    require_utf8(pattern, subject_);
    const std::string translated = translate_pattern(pattern, subject_);
    int trouble = 0;
    PCRE2_SIZE where = 0;
    auto code = std::make_shared<Code>();
    // Ruby's ^ and $ stand at every line; its dot leaves out only the newline.
    code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &trouble, &where, nullptr);
    if (!code->code) {
        PCRE2_UCHAR text[160] = {};
        pcre2_get_error_message(trouble, text, sizeof text);
        throw Error(subject_, "a regular expression", std::string(pattern) + " (" + reinterpret_cast<const char*>(text) + ")");
    }
    code_ = std::move(code);
}

std::vector<Stretch> Regex::stretches(std::string_view text) const {
    if (text.empty()) return {};
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(pcre2_match_data_create_from_pattern(code_->code, nullptr),
                                                                              pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> context(pcre2_match_context_create(nullptr),
                                                                                       pcre2_match_context_free);
    pcre2_set_match_limit(context.get(), most_steps(text.size()));
    pcre2_set_heap_limit(context.get(), 1 << 18);  // KiB
    std::vector<Stretch> out;
    std::size_t done = 0, from = 0;
    bool matched = false;
    while (from <= text.size()) {
        const int count = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK,
                                      data.get(), context.get());
        if (count == PCRE2_ERROR_NOMATCH) break;
        if (count < 0) throw Error(subject_, "a pattern that matches in reasonable time", "PCRE2's error " + std::to_string(count));
        const PCRE2_SIZE* at = pcre2_get_ovector_pointer(data.get());
        if (at[0] < done || at[1] < at[0]) throw Error(subject_, "matches in order", "one that begins before the last one ends");
        if (at[0] == at[1] && matched && at[1] == done) {  // nothing, right after a match: go on one character later
            from += from < text.size() ? code_point(text, from).bytes : 1;
            continue;
        }
        append(out, done, at[0], false);
        append(out, at[0], at[1], true);
        done = from = at[1];
        matched = true;
    }
    append(out, done, text.size(), false);
    return out;
}

std::vector<Stretch> stretches_of(std::string_view text, std::string_view wanted) {
    std::vector<Stretch> out;
    std::size_t done = 0;
    for (std::size_t at; (at = text.find(wanted, done)) != std::string_view::npos; done = at + wanted.size()) {
        append(out, done, at, false);
        append(out, at, at + wanted.size(), true);
    }
    append(out, done, text.size(), false);
    return out;
}

std::vector<Stretch> stretches_of(std::string_view text, const std::function<bool(char32_t)>& wanted) {
    std::vector<Stretch> out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        if (wanted(c.value)) {
            append(out, done, i, false);
            append(out, i, i + c.bytes, true);
            done = i + c.bytes;
        }
        i += c.bytes;
    }
    append(out, done, text.size(), false);
    return out;
}

}  // namespace microtome
