#include "core/text/jinja_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

constexpr int deepest = 150;  // lists in lists: more than a JSON file may hold

template <typename Content, typename Part>
int depth_over(const Content& content, Part part) {
    int depth = 0;
    for (const auto& one : content) {
        const Value& value = part(one);
        if (const List* list = value.as<List>()) depth = std::max(depth, (*list)->depth);
        if (const Dict* dict = value.as<Dict>()) depth = std::max(depth, (*dict)->depth);
    }
    return depth + 1;
}

void hex_escape(std::string& out, char32_t c) {
    const char* digits = "0123456789abcdef";
    const int count = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
    out += count == 2 ? "\\x" : count == 4 ? "\\u" : "\\U";
    for (int i = count - 1; i >= 0; --i) out += digits[c >> (4 * i) & 15];
}

std::string quoted_for_python(std::string_view text) {
    const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string out(1, quote);
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        const std::size_t escaped = std::string_view("\n\t\r\\").find(static_cast<char>(c.value));
        if (c.bytes == 1 && escaped != std::string_view::npos)
            out += '\\', out += "ntr\\"[escaped];
        else if (c.bytes == 1 && text[i] == quote)
            out += '\\', out += quote;
        else if (c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa1) || c.value == 0xad || (c.value > 0xa0 && is_python_space(c.value)))
            hex_escape(out, c.value);
        else
            out += text.substr(i, c.bytes);
        i += c.bytes;
    }
    return out + quote;
}

std::string quoted_for_json(std::string_view text, bool ascii) {
    return Json(std::string(text)).dump(-1, ' ', ascii, Json::error_handler_t::replace);
}

void write_json(Run& run, const Value& value, const JsonStyle& style, int level, std::string& out) {
    run.spend(1);
    const auto newline = [&](int at) {
        if (style.indent < 0) return;
        out += '\n';
        out.append(static_cast<std::size_t>(style.indent) * static_cast<std::size_t>(at), ' ');
        run.spend(static_cast<std::size_t>(style.indent) * static_cast<std::size_t>(at));
    };
    if (const Items* items = value.items()) {
        out += '[';
        for (std::size_t i = 0; i < items->size(); ++i) {
            if (i > 0) out += style.comma;
            newline(level + 1);
            write_json(run, (*items)[i], style, level + 1, out);
        }
        if (!items->empty()) newline(level);
        out += ']';
    } else if (const Entries* entries = value.entries()) {
        Entries sorted = *entries;
        if (style.sorted) std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        out += '{';
        for (std::size_t i = 0; i < sorted.size(); ++i) {
            if (i > 0) out += style.comma;
            newline(level + 1);
            out += quoted_for_json(sorted[i].first, style.ascii) + style.colon;
            write_json(run, sorted[i].second, style, level + 1, out);
        }
        if (!sorted.empty()) newline(level);
        out += '}';
    } else if (const std::string* text = value.text()) {
        run.spend(text->size());
        out += quoted_for_json(*text, style.ascii);
    } else if (value.none()) {
        out += "null";
    } else if (const bool* flag = value.as<bool>()) {
        out += *flag ? "true" : "false";
    } else if (value.number()) {
        out += shown(run, value);
    } else {
        run.fail("a value that JSON can hold", value.type());
    }
}

}  // namespace

double Value::real() const {
    if (const auto* x = as<double>()) return *x;
    std::int64_t whole = 0;
    integer(whole);
    return static_cast<double>(whole);
}

bool Value::integer(std::int64_t& out) const {
    if (const auto* x = as<std::int64_t>()) return out = *x, true;
    if (const auto* x = as<bool>()) return out = *x ? 1 : 0, true;
    return false;
}

const char* Value::type() const {
    static const char* const names[] = {
        "something undefined", "none", "a boolean", "an integer", "a number", "text", "a list", "a dict", "a function", "a namespace"};
    return names[is.index()];
}

const Value* find(const Entries& entries, std::string_view key) {
    for (const auto& [name, value] : entries)
        if (name == key) return &value;
    return nullptr;
}

void Run::fail(const std::string& expected, const std::string& got) const {
    throw Error(subject_ + ":" + std::to_string(line), expected, got);
}

void Run::spend(std::size_t work) {
    if (work > static_cast<std::size_t>(work_)) fail("a template that ends in reasonable time and memory", "one that needs more");
    work_ -= static_cast<std::int64_t>(work);
}

Value Run::text(std::string text) {
    spend(text.size() + 1);
    return {std::make_shared<const std::string>(std::move(text))};
}

Value Run::list(Items items, bool tuple) {
    spend(16 * items.size() + 16);
    const int depth = depth_over(items, [](const Value& one) -> const Value& { return one; });
    if (depth > deepest) fail("lists nested at most 150 deep", "deeper ones");
    return {std::make_shared<const Container<Items>>(Container<Items>{std::move(items), depth, tuple})};
}

Value Run::dict(Entries entries) {
    spend(32 * entries.size() + 16);
    const int depth = depth_over(entries, [](const auto& one) -> const Value& { return one.second; });
    if (depth > deepest) fail("dicts nested at most 150 deep", "deeper ones");
    return {std::make_shared<const Container<Entries>>(Container<Entries>{std::move(entries), depth, false})};
}

Value Run::from_json(const Json& json) {
    if (json.is_null()) return {None{}};
    if (json.is_boolean()) return {json.get<bool>()};
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return {json.get<double>()};
    if (json.is_number_integer()) return {json.get<std::int64_t>()};
    if (json.is_number()) return {json.get<double>()};
    if (json.is_string()) return text(json.get<std::string>());
    if (json.is_array()) {
        Items items;
        for (const Json& one : json) items.push_back(from_json(one));
        return list(std::move(items));
    }
    Entries entries;
    for (const auto& [key, value] : json.items()) entries.emplace_back(key, from_json(value));
    return dict(std::move(entries));
}

bool truth(const Value& value) {
    if (const auto* flag = value.as<bool>()) return *flag;
    if (value.number()) return value.real() != 0;
    if (const std::string* text = value.text()) return !text->empty();
    if (const Items* items = value.items()) return !items->empty();
    if (const Entries* entries = value.entries()) return !entries->empty();
    return !value.undefined() && !value.none();
}

bool equal(Run& run, const Value& a, const Value& b) {
    run.spend(1);
    std::int64_t i = 0, k = 0;
    if (a.integer(i) && b.integer(k)) return i == k;
    if (a.number() && b.number()) return a.real() == b.real();
    if (a.is.index() != b.is.index()) return false;
    if (a.text()) return run.spend(a.text()->size()), *a.text() == *b.text();
    if (a.items()) {
        if (a.items()->size() != b.items()->size()) return false;
        for (std::size_t n = 0; n < a.items()->size(); ++n)
            if (!equal(run, (*a.items())[n], (*b.items())[n])) return false;
        return true;
    }
    if (a.entries()) {
        if (a.entries()->size() != b.entries()->size()) return false;
        run.spend(a.entries()->size() * a.entries()->size());
        for (const auto& [key, value] : *a.entries()) {
            const Value* other = find(*b.entries(), key);
            if (!other || !equal(run, value, *other)) return false;
        }
        return true;
    }
    if (a.as<Namespace*>()) return *a.as<Namespace*>() == *b.as<Namespace*>();
    return a.undefined() || a.none();
}

bool less(Run& run, const Value& a, const Value& b) {
    std::int64_t i = 0, k = 0;
    if (a.integer(i) && b.integer(k)) return i < k;
    if (a.number() && b.number()) return a.real() < b.real();
    if (a.text() && b.text()) return run.spend(a.text()->size()), *a.text() < *b.text();
    if (a.items() && b.items()) {
        for (std::size_t n = 0; n < std::min(a.items()->size(), b.items()->size()); ++n)
            if (!equal(run, (*a.items())[n], (*b.items())[n])) return less(run, (*a.items())[n], (*b.items())[n]);
        return a.items()->size() < b.items()->size();
    }
    run.fail("two numbers or two texts to compare", std::string(a.type()) + " and " + b.type());
}

bool contains(Run& run, const Value& all, const Value& one) {
    if (all.undefined()) return false;
    if (const std::string* text = all.text()) {
        if (!one.text()) run.fail("text to look for in text", one.type());
        run.spend(text->size());
        return text->find(*one.text()) != std::string::npos;
    }
    if (const Entries* entries = all.entries()) return run.spend(entries->size()), one.text() && find(*entries, *one.text());
    if (const Items* items = all.items()) {
        for (const Value& item : *items)
            if (equal(run, item, one)) return true;
        return false;
    }
    run.fail("a list, dict or text to look into", all.type());
}

std::string shown_number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[64];
    const double size = std::fabs(value);
    // Python's repr: fixed notation from 1e-4 up to 1e16, two digits of exponent at least.
    const bool fixed = size == 0 || (size >= 1e-4 && size < 1e16);
    const auto end =
        std::to_chars(buffer, buffer + sizeof buffer, value, fixed ? std::chars_format::fixed : std::chars_format::scientific).ptr;
    std::string text(buffer, end);
    if (fixed && text.find('.') == std::string::npos) text += ".0";
    return text;
}

std::string shown(Run& run, const Value& value) {
    if (const std::string* text = value.text()) return run.spend(text->size()), *text;
    return value.undefined() ? "" : repr(run, value);
}

std::string repr(Run& run, const Value& value) {
    run.spend(1);
    if (value.undefined()) return "Undefined";
    if (value.none()) return "None";
    if (const auto* flag = value.as<bool>()) return *flag ? "True" : "False";
    if (const auto* whole = value.as<std::int64_t>()) return std::to_string(*whole);
    if (const auto* real = value.as<double>()) return shown_number(*real);
    if (const std::string* text = value.text()) return run.spend(text->size()), quoted_for_python(*text);
    std::string out, comma;
    if (const Items* items = value.items()) {
        for (const Value& one : *items) out += std::exchange(comma, ", ") + repr(run, one);
        run.spend(out.size());
        if (!(*value.as<List>())->tuple) return "[" + out + "]";
        return "(" + out + (items->size() == 1 ? ",)" : ")");
    }
    if (const Entries* entries = value.entries()) {
        for (const auto& [key, one] : *entries) out += std::exchange(comma, ", ") + quoted_for_python(key) + ": " + repr(run, one);
        return run.spend(out.size()), "{" + out + "}";
    }
    run.fail("a value that can be shown", value.type());
}

std::string json_text(Run& run, const Value& value, const JsonStyle& style) {
    if (style.indent > 64) run.fail("an indent of at most 64", std::to_string(style.indent));
    std::string out;
    write_json(run, value, style, 0, out);
    return out;
}

std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < text.size(); i += code_point(text, i).bytes) out.push_back(text.substr(i, code_point(text, i).bytes));
    return out;
}

Items iterated(Run& run, const Value& value) {
    Items out;
    if (value.undefined()) return out;
    if (const Items* items = value.items()) {
        run.spend(16 * items->size());
        return *items;
    }
    if (const Entries* entries = value.entries())
        for (const auto& [key, one] : *entries) out.push_back(run.text(key));
    else if (const std::string* text = value.text())
        for (const std::string_view one : characters(*text)) run.spend(32), out.push_back(run.text(std::string(one)));
    else
        run.fail("a list, dict or text to go through", value.type());
    return out;
}

std::size_t length(Run& run, const Value& value) {
    if (value.undefined()) return 0;
    if (const Items* items = value.items()) return items->size();
    if (const Entries* entries = value.entries()) return entries->size();
    if (const std::string* text = value.text()) {
        run.spend(text->size());
        return static_cast<std::size_t>(std::count_if(text->begin(), text->end(), [](char c) { return (c & 0xc0) != 0x80; }));
    }
    run.fail("something that has a length", value.type());
}

bool is_python_space(char32_t c) {
    return is_white_space(c) || (c >= 0x1c && c <= 0x1f);
}

// Looks at both ends alone: templates strip long texts often.
std::string_view stripped(std::string_view text, bool left, bool right) {
    while (left && !text.empty() && is_python_space(code_point(text, 0).value)) text.remove_prefix(code_point(text, 0).bytes);
    while (right && !text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && (text[last] & 0xc0) == 0x80) --last;
        if (!is_python_space(code_point(text, last).value)) break;
        text = text.substr(0, last);
    }
    return text;
}

std::string_view stripped_of(std::string_view text, std::string_view wanted, bool left, bool right) {
    std::size_t begin = text.size(), end = 0;
    for (const std::string_view c : characters(text)) {
        const auto at = static_cast<std::size_t>(c.data() - text.data());
        if (wanted.find(c) == std::string_view::npos) begin = std::min(begin, at), end = at + c.size();
    }
    if (!left) begin = 0;
    if (!right) end = text.size();
    return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

}  // namespace microtome::jinja
