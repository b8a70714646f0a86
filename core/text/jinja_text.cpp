// Values as text: Python's str, repr and json.dumps; the characters of a text, and what is stripped off its ends.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/jinja_value.h"
#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

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
