// Filters of lists: sorting, choosing, joining, summing.
#include "core/text/jinja_filters.h"

#include <algorithm>

namespace microtome::jinja {
namespace {

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
        out += shown(run, attribute ? path_of(run, one, *attribute) : one);
    }
    return run.text(std::move(out));
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

}  // namespace

Filters list_filters() {
    return {
        {"count", [](Run& r, const Value& v, const Arguments&) { return Value{static_cast<std::int64_t>(length(r, v))}; }},
        {"dictsort", dictsort},
        {"first", [](Run& r, const Value& v, const Arguments&) { return end_of(r, v, true); }},
        {"join", join},
        {"last", [](Run& r, const Value& v, const Arguments&) { return end_of(r, v, false); }},
        {"length", [](Run& r, const Value& v, const Arguments&) { return Value{static_cast<std::int64_t>(length(r, v))}; }},
        {"list", [](Run& r, const Value& v, const Arguments&) { return r.list(iterated(r, v)); }},
        {"map", map},
        {"max", [](Run& r, const Value& v, const Arguments& a) { return extreme(r, v, a, false); }},
        {"min", [](Run& r, const Value& v, const Arguments& a) { return extreme(r, v, a, true); }},
        {"reject", choose<false, false>},
        {"rejectattr", choose<true, false>},
        {"reverse", reverse},
        {"select", choose<false, true>},
        {"selectattr", choose<true, true>},
        {"sort", sort},
        {"sum", sum},
        {"unique", unique},
    };
}

}  // namespace microtome::jinja
