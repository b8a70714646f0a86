// Methods of text, dicts and lists, named and behaving as Python's.
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>

#include "core/text/jinja_value.h"
#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

constexpr std::array text_methods{"strip",   "lstrip",  "rstrip",  "split",   "rsplit",  "splitlines",   "startswith",  "endswith",
                                  "replace", "upper",   "lower",   "title",   "join",    "find",         "count",       "capitalize",
                                  "isdigit", "isspace", "isalpha", "isupper", "islower", "removeprefix", "removesuffix"};
constexpr std::array dict_methods{"get", "items", "keys", "values"};
constexpr std::array list_methods{"index", "count"};

template <typename Names>
bool one_of(const Names& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return known == name; });
}

std::string cased(std::string_view text, bool up) {
    icu::UnicodeString wide = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
    up ? wide.toUpper(icu::Locale::getRoot()) : wide.toLower(icu::Locale::getRoot());
    std::string out;
    wide.toUTF8String(out);
    return out;
}

std::string titled(std::string_view text, bool words) {
    std::string out;
    bool inside = false;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        const auto value = static_cast<UChar32>(c.value);
        append_utf8(out, static_cast<char32_t>(inside ? u_tolower(value) : u_totitle(value)));
        inside = words ? u_hasBinaryProperty(value, UCHAR_CASED) : true;
        i += c.bytes;
    }
    return out;
}

Value list_of(Run& run, const std::vector<std::string_view>& parts) {
    Items items;
    for (const std::string_view part : parts) items.push_back(run.text(std::string(part)));
    return run.list(std::move(items));
}

// str.split without a separator: runs of white space; at most `most` splits (-1: all), from the right if `backwards`.
std::vector<std::string_view> words(std::string_view text, std::int64_t most, bool backwards) {
    std::vector<std::string_view> out;
    text = stripped(text, !backwards, backwards);
    while (!text.empty() && (most < 0 || static_cast<std::int64_t>(out.size()) < most)) {
        std::size_t cut = std::string_view::npos, width = 0;
        for (std::size_t i = 0; i < text.size(); i += code_point(text, i).bytes)
            if (is_python_space(code_point(text, i).value) && (backwards || cut == std::string_view::npos))
                cut = i, width = code_point(text, i).bytes;
        if (cut == std::string_view::npos) break;
        out.push_back(backwards ? text.substr(cut + width) : text.substr(0, cut));
        text = backwards ? stripped(text.substr(0, cut), false, true) : stripped(text.substr(cut), true, false);
    }
    if (!text.empty()) out.push_back(text);
    if (backwards) std::reverse(out.begin(), out.end());
    return out;
}

std::vector<std::string_view> split(std::string_view text, std::string_view at, std::int64_t most, bool backwards) {
    std::vector<std::string_view> out;
    while (most < 0 || static_cast<std::int64_t>(out.size()) < most) {
        const std::size_t cut = backwards ? text.rfind(at) : text.find(at);
        if (cut == std::string_view::npos) break;
        out.push_back(backwards ? text.substr(cut + at.size()) : text.substr(0, cut));
        text = backwards ? text.substr(0, cut) : text.substr(cut + at.size());
    }
    out.push_back(text);
    if (backwards) std::reverse(out.begin(), out.end());
    return out;
}

Value split_call(Run& run, std::string_view text, const Arguments& arguments, bool backwards) {
    const std::int64_t most = arguments.integer(run, 1, "maxsplit", -1);
    const Value* separator = arguments.at(0, "sep");
    run.spend(text.size() * 20);
    if (!separator || separator->none()) {
        run.spend(text.size() * std::min<std::size_t>(text.size(), 1 << 12));  // each word looks for the next
        return list_of(run, words(text, most, backwards));
    }
    const std::string at = arguments.text(run, 0, "sep");
    if (at.empty()) run.fail("a separator", "an empty one");
    return list_of(run, split(text, at, most, backwards));
}

Value lines(Run& run, std::string_view text, bool keep) {
    std::vector<std::string_view> out;
    run.spend(text.size() * 20);
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find_first_of("\n\r\v\f\x1c\x1d\x1e", at), text.size());
        const std::size_t next = std::min(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1, text.size());
        out.push_back(text.substr(at, (keep ? next : end) - at));
        at = next;
    }
    return list_of(run, out);
}

template <typename Fits>
bool all_characters(std::string_view text, Fits fits) {
    for (std::size_t i = 0; i < text.size(); i += code_point(text, i).bytes)
        if (!fits(static_cast<UChar32>(code_point(text, i).value))) return false;
    return !text.empty();
}

// One prefix, or a list of them.
bool meets(Run& run, std::string_view text, const Arguments& arguments, bool front) {
    const Value* wanted = arguments.at(0, front ? "prefix" : "suffix");
    Items all;
    if (wanted && wanted->items()) all = *wanted->items();
    if (wanted && wanted->text()) all.push_back(*wanted);
    if (!wanted || (!wanted->items() && !wanted->text())) run.fail("text to compare with", wanted ? wanted->type() : "nothing");
    return std::any_of(all.begin(), all.end(), [&](const Value& one) {
        return one.text() && (front ? text.starts_with(*one.text()) : text.ends_with(*one.text()));
    });
}

Value strip_call(Run& run, std::string_view text, const Arguments& arguments, bool left, bool right) {
    const Value* wanted = arguments.at(0, "chars");
    if (!wanted || wanted->none()) return run.text(std::string(stripped(text, left, right)));
    const std::string letters = arguments.text(run, 0, "chars");
    run.spend(text.size() * (letters.size() + 8));
    return run.text(std::string(stripped_of(text, letters, left, right)));
}

std::int64_t occurrences(std::string_view text, std::string_view wanted) {
    if (wanted.empty()) return static_cast<std::int64_t>(characters(text).size()) + 1;
    return static_cast<std::int64_t>(split(text, wanted, -1, false).size()) - 1;
}

Value text_method(Run& run, const std::string& text, const std::string& name, const Arguments& arguments) {
    run.spend(text.size());
    if (name == "strip") return strip_call(run, text, arguments, true, true);
    if (name == "lstrip") return strip_call(run, text, arguments, true, false);
    if (name == "rstrip") return strip_call(run, text, arguments, false, true);
    if (name == "split" || name == "rsplit") return split_call(run, text, arguments, name == "rsplit");
    if (name == "splitlines") return lines(run, text, arguments.flag(0, "keepends", false));
    if (name == "startswith" || name == "endswith") return {meets(run, text, arguments, name == "startswith")};
    if (name == "replace")
        return run.text(
            replaced(run, text, arguments.text(run, 0, "old"), arguments.text(run, 1, "new"), arguments.integer(run, 2, "count", -1)));
    if (name == "upper") return run.text(upper_case(text));
    if (name == "lower") return run.text(lower_case(text));
    if (name == "title") return run.text(title_case(text));
    if (name == "capitalize") return run.text(capitalized(text));
    if (name == "join") {
        Arguments with;
        with.plain.push_back(run.text(text));
        const Value* list = arguments.at(0, "iterable");
        return filtered(run, "join", list ? *list : Value{}, with);
    }
    if (name == "find") {
        const std::size_t at = text.find(arguments.text(run, 0, "sub"));
        return {at == std::string::npos ? std::int64_t{-1}
                                        : static_cast<std::int64_t>(characters(std::string_view(text).substr(0, at)).size())};
    }
    if (name == "count") return run.spend(text.size() * 16), Value{occurrences(text, arguments.text(run, 0, "sub"))};
    if (name == "isdigit")
        return {all_characters(text, [](UChar32 c) {
            return u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) == U_NT_DECIMAL ||
                   u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) == U_NT_DIGIT;
        })};
    if (name == "isspace") return {all_characters(text, [](UChar32 c) { return is_python_space(static_cast<char32_t>(c)); })};
    if (name == "isalpha") return {all_characters(text, [](UChar32 c) { return u_isalpha(c) != 0; })};
    if (name == "isupper") return {upper_case(text) == text && lower_case(text) != text};
    if (name == "islower") return {lower_case(text) == text && upper_case(text) != text};
    const std::string part = arguments.text(run, 0, name == "removeprefix" ? "prefix" : "suffix");
    std::string_view rest = text;
    if (name == "removeprefix" && rest.starts_with(part)) rest.remove_prefix(part.size());
    if (name == "removesuffix" && rest.ends_with(part)) rest.remove_suffix(part.size());
    return run.text(std::string(rest));
}

Value dict_method(Run& run, const Value& object, const std::string& name, const Arguments& arguments) {
    if (name == "get") {
        const Value* key = arguments.at(0, "key");
        const Value* fallback = arguments.at(1, "default");
        run.spend(object.entries()->size());
        const Value* found = key && key->text() ? find(*object.entries(), *key->text()) : nullptr;
        return found ? *found : fallback ? *fallback : Value{None{}};
    }
    Items out;
    for (const auto& [key, value] : *object.entries()) {
        if (name == "values")
            out.push_back(value);
        else if (name == "keys")
            out.push_back(run.text(key));
        else
            out.push_back(run.list({run.text(key), value}, true));
    }
    return run.list(std::move(out));
}

Value list_method(Run& run, const Items& items, const std::string& name, const Arguments& arguments) {
    const Value* wanted = arguments.at(0, "value");
    std::int64_t count = 0;
    for (std::size_t i = 0; wanted && i < items.size(); ++i) {
        if (!equal(run, items[i], *wanted)) continue;
        if (name == "index") return {static_cast<std::int64_t>(i)};
        ++count;
    }
    if (name == "index") run.fail("a value of the list", "another");
    return {count};
}

}  // namespace

std::string upper_case(std::string_view text) {
    return cased(text, true);
}
std::string lower_case(std::string_view text) {
    return cased(text, false);
}
std::string title_case(std::string_view text) {
    return titled(text, true);
}
std::string capitalized(std::string_view text) {
    return titled(text, false);
}

std::string replaced(Run& run, std::string_view text, std::string_view from, std::string_view to, std::int64_t count) {
    std::string out;
    std::size_t done = 0;
    const auto more = [&count] { return count < 0 || count-- > 0; };
    if (from.empty()) {  // before each character and at the end
        for (const std::string_view one : characters(text)) {
            if (more()) out += to;
            out += one;
            run.spend(to.size() + 1);
        }
        return more() ? out += to : out;
    }
    for (std::size_t at; (at = text.find(from, done)) != std::string_view::npos && more(); done = at + from.size()) {
        run.spend(at - done + to.size());
        out.append(text, done, at - done).append(to);
    }
    return out.append(text.substr(done));
}

bool has_method(const Value& object, std::string_view name) {
    return object.text()      ? one_of(text_methods, name)
           : object.entries() ? one_of(dict_methods, name)
                              : object.items() && one_of(list_methods, name);
}

Value call_method(Run& run, const Value& object, const std::string& name, const Arguments& arguments) {
    if (object.text()) return text_method(run, *object.text(), name, arguments);
    if (object.entries()) return dict_method(run, object, name, arguments);
    return list_method(run, *object.items(), name, arguments);
}

}  // namespace microtome::jinja
