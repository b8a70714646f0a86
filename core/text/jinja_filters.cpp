// Filters of single values, as Jinja's own; which filters there are.
#include "core/text/jinja_filters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

std::string as_text(Run& run, const Value& value) {
    return shown(run, value);
}

Value tojson(Run& run, const Value& value, const Arguments& arguments) {
    JsonStyle style;
    style.ascii = arguments.flag(0, "ensure_ascii", false);
    const Value* indent = arguments.at(1, "indent");
    if (indent && !indent->none()) style.indent = static_cast<int>(std::clamp<std::int64_t>(arguments.integer(run, 1, "indent", 0), 0, 65));
    if (style.indent >= 0) style.comma = ",";
    if (const Value* separators = arguments.at(2, "separators"); separators && separators->items() && separators->items()->size() == 2) {
        style.comma = as_text(run, separators->items()->front());
        style.colon = as_text(run, separators->items()->back());
    }
    style.sorted = arguments.flag(3, "sort_keys", false);
    return run.text(json_text(run, value, style));
}

Value indent(Run& run, const Value& value, const Arguments& arguments) {
    const Value* width = arguments.at(0, "width");
    std::string space;
    if (width && width->text())
        space = *width->text();
    else
        space.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(arguments.integer(run, 0, "width", 4), 0, 1000)), ' ');
    const std::string text = as_text(run, value);
    const bool blank = arguments.flag(2, "blank", false);
    std::string out = arguments.flag(1, "first", false) ? space : "";
    for (std::size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] != '\n') continue;
        run.spend(space.size());
        if (blank || (i + 1 < text.size() && text[i + 1] != '\n')) out += space;
    }
    return run.text(std::move(out));
}

// A number out of text, or nothing.
bool parsed(const std::string& text, double& out) {
    const std::string number(stripped(text, true, true));
    if (number.empty() || number.find_first_not_of("+-.0123456789eE") != std::string::npos) return false;
    std::size_t used = 0;
    try {
        out = std::stod(number, &used);
    } catch (const std::exception&) {
        return false;
    }
    return used == number.size();
}

Value to_integer(Run& run, const Value& value, const Arguments& arguments) {
    const Value fallback{arguments.integer(run, 0, "default", 0)};
    std::int64_t whole = 0;
    if (value.integer(whole)) return {whole};
    double real = 0;
    if (value.number())
        real = value.real();
    else if (!value.text() || !parsed(*value.text(), real))
        return fallback;
    if (!(std::fabs(real) < 9.2e18)) return fallback;
    const std::string digits = value.text() ? std::string(stripped(*value.text(), true, true)) : "";
    if (!digits.empty() && digits.find_first_not_of("+-0123456789") == std::string::npos)
        return {static_cast<std::int64_t>(std::stoll(digits))};
    return {static_cast<std::int64_t>(real)};
}

Value to_real(Run&, const Value& value, const Arguments& arguments) {
    double real = 0;
    if (value.number()) return {value.real()};
    if (value.text() && parsed(*value.text(), real)) return {real};
    const Value* fallback = arguments.at(0, "default");
    return fallback ? *fallback : Value{0.0};
}

Value round(Run& run, const Value& value, const Arguments& arguments) {
    if (!value.number()) run.fail("a number to round", value.type());
    const std::int64_t digits = std::clamp<std::int64_t>(arguments.integer(run, 0, "precision", 0), -300, 300);
    const std::string method = arguments.text(run, 1, "method", "common");
    std::int64_t whole = 0;
    if (method == "common" && digits >= 0 && value.integer(whole)) return {whole};
    const double scale = std::pow(10.0, static_cast<double>(digits)), x = value.real() * scale;
    if (method == "ceil") return {std::ceil(x) / scale};
    if (method == "floor") return {std::floor(x) / scale};
    if (method != "common") run.fail("common, ceil or floor", method);
    // Python rounds the exact decimal value, half to even: so does printf.
    if (digits < 0) return {std::nearbyint(x) / scale};
    std::array<char, 1024> text{};
    std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(digits), value.real());
    return {std::strtod(text.data(), nullptr)};
}

Value absolute(Run& run, const Value& value, const Arguments&) {
    if (!value.number()) run.fail("a number", value.type());
    std::int64_t whole = 0;
    if (value.integer(whole)) return whole < 0 ? negated(run, value) : Value{whole};
    return {std::fabs(value.real())};
}

Value fallback_for(Run& run, const Value& value, const Arguments& arguments) {
    const Value* other = arguments.at(0, "default_value");
    const bool missing = value.undefined() || (arguments.flag(1, "boolean", false) && !truth(value));
    return !missing ? value : other ? *other : run.text("");
}

// The words of Jinja's title: after blanks, hyphens and opening brackets.
Value title(Run& run, const Value& value, const Arguments&) {
    std::string out, word;
    const auto flush = [&] {
        const std::size_t first = word.empty() ? 0 : code_point(word, 0).bytes;
        out += upper_case(std::string_view(word).substr(0, first)) + lower_case(std::string_view(word).substr(first));
        word.clear();
    };
    const std::string all = as_text(run, value);
    for (const std::string_view c : characters(all)) {
        const bool breaks = is_python_space(code_point(c, 0).value) || std::string_view("-({[<").find(c) != std::string_view::npos;
        if (breaks)
            flush(), out += c;
        else
            word += c;
    }
    flush();
    return run.text(std::move(out));
}

Value escaped(Run& run, const Value& value, const Arguments&) {
    std::string out;
    for (const char c : as_text(run, value)) {
        const std::size_t at = std::string_view("&<>\"'").find(c);
        static const char* const names[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
        if (at == std::string_view::npos)
            out += c;
        else
            out += names[at];
    }
    return run.text(std::move(out));
}

Filters filters_of_values() {
    return {
        {"abs", absolute},
        {"capitalize", [](Run& r, const Value& v, const Arguments&) { return r.text(capitalized(as_text(r, v))); }},
        {"d", fallback_for},
        {"default", fallback_for},
        {"e", escaped},
        {"escape", escaped},
        {"float", to_real},
        {"indent", indent},
        {"int", to_integer},
        {"items",
         [](Run& r, const Value& v, const Arguments& a) {
             if (v.undefined()) return r.list({});
             if (!v.entries()) r.fail("a dict", v.type());
             return call_method(r, v, "items", a);
         }},
        {"lower", [](Run& r, const Value& v, const Arguments&) { return r.text(lower_case(as_text(r, v))); }},
        {"replace",
         [](Run& r, const Value& v, const Arguments& a) {
             return r.text(replaced(r, as_text(r, v), a.text(r, 0, "old"), a.text(r, 1, "new"), a.integer(r, 2, "count", -1)));
         }},
        {"round", round},
        {"safe", [](Run&, const Value& v, const Arguments&) { return v; }},
        {"string", [](Run& r, const Value& v, const Arguments&) { return r.text(as_text(r, v)); }},
        {"title", title},
        {"tojson", tojson},
        {"trim",
         [](Run& r, const Value& v, const Arguments& a) {
             const Value text = r.text(as_text(r, v));
             return call_method(r, text, "strip", a);
         }},
        {"upper", [](Run& r, const Value& v, const Arguments&) { return r.text(upper_case(as_text(r, v))); }},
    };
}

const Filters& filters() {
    static const Filters all = [] {
        Filters out = filters_of_values();
        out.merge(list_filters());
        return out;
    }();
    return all;
}

}  // namespace

bool has_filter(const std::string& name) {
    return filters().contains(name);
}

Value filtered(Run& run, const std::string& name, const Value& value, const Arguments& arguments) {
    run.spend(1);
    return filters().at(name)(run, value, arguments);
}

}  // namespace microtome::jinja
