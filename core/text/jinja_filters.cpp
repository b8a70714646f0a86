// Filters, as Jinja's own.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/text/jinja_value.h"
#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

using Filter = Value (*)(Run&, const Value&, const Arguments&);

std::string as_text(Run& run, const Value& value) {
    return shown(run, value);
}

// A dotted path ("function.name", "0") into `value`.
Value path_of(Run& run, Value value, const Value& path, const Value* fallback = nullptr) {
    if (!path.text()) return item(run, value, path);
    std::string_view rest = *path.text();
    while (true) {
        const std::size_t dot = std::min(rest.find('.'), rest.size());
        const std::string part(rest.substr(0, dot));
        const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
        value = item(run, value, number ? Value{static_cast<std::int64_t>(std::stoll(part))} : run.text(part));
        if (value.undefined() && fallback) value = *fallback;
        if (dot == rest.size()) return value;
        rest.remove_prefix(dot + 1);
    }
}

const Value& needed(Run& run, const Value* value, const char* name) {
    if (!value) run.fail(std::string("the argument ") + name, "none");
    return *value;
}

// What sort, unique and dictsort compare: text without regard to case unless told.
Value key_of(Run& run, const Value& value, const Value* attribute, bool case_sensitive) {
    Value key = attribute && !attribute->none() ? path_of(run, value, *attribute) : value;
    return key.text() && !case_sensitive ? run.text(lower_case(*key.text())) : key;
}

Items sorted_by(Run& run, Items items, const Items& keys, bool reverse) {
    std::vector<std::size_t> order(items.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        run.spend(1);
        return reverse ? less(run, keys[b], keys[a]) : less(run, keys[a], keys[b]);
    });
    Items out;
    for (const std::size_t i : order) out.push_back(items[i]);
    return out;
}

Value sort(Run& run, const Value& value, const Arguments& arguments) {
    const Items items = iterated(run, value);
    Items keys;
    for (const Value& one : items)
        keys.push_back(key_of(run, one, arguments.at(2, "attribute"), arguments.flag(1, "case_sensitive", false)));
    return run.list(sorted_by(run, items, keys, arguments.flag(0, "reverse", false)));
}

Value dictsort(Run& run, const Value& value, const Arguments& arguments) {
    if (!value.entries()) run.fail("a dict to sort", value.type());
    const std::string by = arguments.text(run, 1, "by", "key");
    Items pairs, keys;
    for (const auto& [key, one] : *value.entries()) {
        pairs.push_back(run.list({run.text(key), one}, true));
        keys.push_back(key_of(run, by == "value" ? one : run.text(key), nullptr, arguments.flag(0, "case_sensitive", false)));
    }
    return run.list(sorted_by(run, pairs, keys, arguments.flag(2, "reverse", false)));
}

Value unique(Run& run, const Value& value, const Arguments& arguments) {
    Items out, seen;
    for (const Value& one : iterated(run, value)) {
        const Value key = key_of(run, one, arguments.at(1, "attribute"), arguments.flag(0, "case_sensitive", false));
        if (std::any_of(seen.begin(), seen.end(), [&](const Value& other) { return equal(run, key, other); })) continue;
        seen.push_back(key);
        out.push_back(one);
    }
    return run.list(std::move(out));
}

Arguments without_first(const Arguments& arguments, std::size_t count) {
    Arguments out;
    out.plain.assign(arguments.plain.begin() + static_cast<std::ptrdiff_t>(std::min(count, arguments.plain.size())), arguments.plain.end());
    out.named = arguments.named;
    return out;
}

Value map(Run& run, const Value& value, const Arguments& arguments) {
    Items out;
    const Value* attribute = find(arguments.named, "attribute");
    const Value* fallback = find(arguments.named, "default");
    const std::string name = attribute ? "" : arguments.text(run, 0, "filter");
    if (!attribute && !has_filter(name)) run.fail("a filter that is supported", "\"" + name + "\"");
    for (const Value& one : iterated(run, value)) {
        out.push_back(attribute ? path_of(run, one, *attribute, fallback) : filtered(run, name, one, without_first(arguments, 1)));
    }
    return run.list(std::move(out));
}

// select, reject, selectattr, rejectattr
Items chosen(Run& run, const Value& value, const Arguments& arguments, bool by_attribute, bool wanted) {
    const std::size_t place = by_attribute ? 1 : 0;
    const Value* attribute = by_attribute ? &needed(run, arguments.at(0, "attribute"), "attribute") : nullptr;
    const std::string test = arguments.plain.size() > place ? arguments.text(run, place, "test") : "";
    if (!test.empty() && !has_test(test)) run.fail("a test that is supported", "\"" + test + "\"");
    Items out;
    for (const Value& one : iterated(run, value)) {
        const Value subject = attribute ? path_of(run, one, *attribute) : one;
        const bool holds = test.empty() ? truth(subject) : tested(run, test, subject, without_first(arguments, place + 1));
        if (holds == wanted) out.push_back(one);
    }
    return out;
}

template <bool by_attribute, bool wanted>
Value choose(Run& run, const Value& value, const Arguments& arguments) {
    return run.list(chosen(run, value, arguments, by_attribute, wanted));
}

Value join(Run& run, const Value& value, const Arguments& arguments) {
    const std::string between = arguments.text(run, 0, "d", "");
    const Value* attribute = arguments.at(1, "attribute");
    std::string out;
    bool first = true;
    for (const Value& one : iterated(run, value)) {
        if (!std::exchange(first, false)) run.spend(between.size()), out += between;
        out += as_text(run, attribute ? path_of(run, one, *attribute) : one);
    }
    return run.text(std::move(out));
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

Value end_of(Run& run, const Value& value, bool front) {
    const Items items = iterated(run, value);
    if (items.empty()) return {Undefined{"an item of an empty list"}};
    return front ? items.front() : items.back();
}

Value reverse(Run& run, const Value& value, const Arguments&) {
    Items items = iterated(run, value);
    std::reverse(items.begin(), items.end());
    if (!value.text()) return run.list(std::move(items));
    std::string out;
    for (const Value& one : items) out += *one.text();
    return run.text(std::move(out));
}

Value fallback_for(Run& run, const Value& value, const Arguments& arguments) {
    const Value* other = arguments.at(0, "default_value");
    const bool missing = value.undefined() || (arguments.flag(1, "boolean", false) && !truth(value));
    return !missing ? value : other ? *other : run.text("");
}

Value sum(Run& run, const Value& value, const Arguments& arguments) {
    const Value* attribute = arguments.at(0, "attribute");
    const Value* start = arguments.at(1, "start");
    Value total = start ? *start : Value{std::int64_t{0}};
    for (const Value& one : iterated(run, value))
        total = binary(run, "+", total, attribute && !attribute->none() ? path_of(run, one, *attribute) : one);
    return total;
}

Value extreme(Run& run, const Value& value, const Arguments& arguments, bool least) {
    Value best{Undefined{"an item of an empty list"}}, best_key;
    for (const Value& one : iterated(run, value)) {
        Value key = key_of(run, one, arguments.at(1, "attribute"), arguments.flag(0, "case_sensitive", false));
        if (best.undefined() || (least ? less(run, key, best_key) : less(run, best_key, key))) best = one, best_key = std::move(key);
    }
    return best;
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

const std::map<std::string, Filter>& filters() {
    static const std::map<std::string, Filter> all = {
        {"abs", absolute},
        {"capitalize", [](Run& r, const Value& v, const Arguments&) { return r.text(capitalized(as_text(r, v))); }},
        {"count", [](Run& r, const Value& v, const Arguments&) { return Value{static_cast<std::int64_t>(length(r, v))}; }},
        {"d", fallback_for},
        {"default", fallback_for},
        {"dictsort", dictsort},
        {"e", escaped},
        {"escape", escaped},
        {"first", [](Run& r, const Value& v, const Arguments&) { return end_of(r, v, true); }},
        {"float", to_real},
        {"indent", indent},
        {"int", to_integer},
        {"items",
         [](Run& r, const Value& v, const Arguments& a) {
             if (v.undefined()) return r.list({});
             if (!v.entries()) r.fail("a dict", v.type());
             return call_method(r, v, "items", a);
         }},
        {"join", join},
        {"last", [](Run& r, const Value& v, const Arguments&) { return end_of(r, v, false); }},
        {"length", [](Run& r, const Value& v, const Arguments&) { return Value{static_cast<std::int64_t>(length(r, v))}; }},
        {"list", [](Run& r, const Value& v, const Arguments&) { return r.list(iterated(r, v)); }},
        {"lower", [](Run& r, const Value& v, const Arguments&) { return r.text(lower_case(as_text(r, v))); }},
        {"map", map},
        {"max", [](Run& r, const Value& v, const Arguments& a) { return extreme(r, v, a, false); }},
        {"min", [](Run& r, const Value& v, const Arguments& a) { return extreme(r, v, a, true); }},
        {"reject", choose<false, false>},
        {"rejectattr", choose<true, false>},
        {"replace",
         [](Run& r, const Value& v, const Arguments& a) {
             return r.text(replaced(r, as_text(r, v), a.text(r, 0, "old"), a.text(r, 1, "new"), a.integer(r, 2, "count", -1)));
         }},
        {"reverse", reverse},
        {"round", round},
        {"safe", [](Run&, const Value& v, const Arguments&) { return v; }},
        {"select", choose<false, true>},
        {"selectattr", choose<true, true>},
        {"sort", sort},
        {"string", [](Run& r, const Value& v, const Arguments&) { return r.text(as_text(r, v)); }},
        {"sum", sum},
        {"title", title},
        {"tojson", tojson},
        {"trim",
         [](Run& r, const Value& v, const Arguments& a) {
             const Value text = r.text(as_text(r, v));
             return call_method(r, text, "strip", a);
         }},
        {"unique", unique},
        {"upper", [](Run& r, const Value& v, const Arguments&) { return r.text(upper_case(as_text(r, v))); }},
    };
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
