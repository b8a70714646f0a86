#include "core/text/jinja_value.h"

#include <algorithm>

#include "core/base/error.h"

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

}  // namespace microtome::jinja
