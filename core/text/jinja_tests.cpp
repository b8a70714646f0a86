// Tests ("is defined"), as Jinja's own, and the arguments of tests and filters.
#include <map>

#include "core/text/jinja_value.h"

namespace microtome::jinja {
namespace {

using Test = bool (*)(Run&, const Value&, const Arguments&);

std::int64_t whole_for(Run& run, const Value& value) {
    std::int64_t out = 0;
    if (!value.integer(out)) run.fail("a whole number to test", value.type());
    return out;
}

const Value& operand(Run& run, const Arguments& arguments) {
    const Value* other = arguments.at(0, "other");
    if (!other) run.fail("the argument to compare with", "none");
    return *other;
}

template <int way>
bool ordered(Run& r, const Value& v, const Arguments& a) {
    const Value& other = operand(r, a);
    return way == 0 ? less(r, v, other) : way == 1 ? !less(r, other, v) : way == 2 ? less(r, other, v) : !less(r, v, other);
}
bool same(Run& r, const Value& v, const Arguments& a) {
    return equal(r, v, operand(r, a));
}
bool other(Run& r, const Value& v, const Arguments& a) {
    return !same(r, v, a);
}

const std::map<std::string, Test>& tests() {
    static const std::map<std::string, Test> all = {
        {"boolean", [](Run&, const Value& v, const Arguments&) { return v.as<bool>() != nullptr; }},
        {"callable", [](Run&, const Value& v, const Arguments&) { return v.as<std::shared_ptr<const Function>>() != nullptr; }},
        {"defined", [](Run&, const Value& v, const Arguments&) { return !v.undefined(); }},
        {"divisibleby",
         [](Run& r, const Value& v, const Arguments& a) {
             const std::int64_t by = a.integer(r, 0, "num", 0);
             if (by == 0) r.fail("a divisor other than 0", "0");
             return by == -1 || whole_for(r, v) % by == 0;
         }},
        {"eq", same},
        {"equalto", same},
        {"even", [](Run& r, const Value& v, const Arguments&) { return whole_for(r, v) % 2 == 0; }},
        {"false", [](Run&, const Value& v, const Arguments&) { return v.as<bool>() && !*v.as<bool>(); }},
        {"float", [](Run&, const Value& v, const Arguments&) { return v.as<double>() != nullptr; }},
        {"ge", ordered<3>},
        {"gt", ordered<2>},
        {"greaterthan", ordered<2>},
        {"in", [](Run& r, const Value& v, const Arguments& a) { return contains(r, operand(r, a), v); }},
        {"integer", [](Run&, const Value& v, const Arguments&) { return v.as<std::int64_t>() != nullptr; }},
        {"iterable", [](Run&, const Value& v, const Arguments&) { return v.text() || v.items() || v.entries() || v.undefined(); }},
        {"le", ordered<1>},
        {"lessthan", ordered<0>},
        {"lower",
         [](Run& r, const Value& v, const Arguments&) {
             const Value text = r.text(shown(r, v));
             return truth(call_method(r, text, "islower", {}));
         }},
        {"lt", ordered<0>},
        {"mapping", [](Run&, const Value& v, const Arguments&) { return v.entries() != nullptr; }},
        {"ne", other},
        {"none", [](Run&, const Value& v, const Arguments&) { return v.none(); }},
        {"number", [](Run&, const Value& v, const Arguments&) { return v.number(); }},
        {"odd", [](Run& r, const Value& v, const Arguments&) { return whole_for(r, v) % 2 != 0; }},
        {"sameas", same},
        {"sequence", [](Run&, const Value& v, const Arguments&) { return v.text() || v.items() || v.entries() || v.undefined(); }},
        {"string", [](Run&, const Value& v, const Arguments&) { return v.text() != nullptr; }},
        {"true", [](Run&, const Value& v, const Arguments&) { return v.as<bool>() && *v.as<bool>(); }},
        {"undefined", [](Run&, const Value& v, const Arguments&) { return v.undefined(); }},
        {"upper",
         [](Run& r, const Value& v, const Arguments&) {
             const Value text = r.text(shown(r, v));
             return truth(call_method(r, text, "isupper", {}));
         }},
    };
    return all;
}

}  // namespace

const Value* Arguments::at(std::size_t place, std::string_view name) const {
    return place < plain.size() ? &plain[place] : find(named, name);
}

std::int64_t Arguments::integer(Run& run, std::size_t place, std::string_view name, std::int64_t fallback) const {
    const Value* value = at(place, name);
    std::int64_t out = fallback;
    if (value && !value->none() && !value->integer(out)) run.fail("a whole number as " + std::string(name), value->type());
    return out;
}

bool Arguments::flag(std::size_t place, std::string_view name, bool fallback) const {
    const Value* value = at(place, name);
    return value ? truth(*value) : fallback;
}

std::string Arguments::text(Run& run, std::size_t place, std::string_view name, const char* fallback) const {
    const Value* value = at(place, name);
    if (!value && fallback) return fallback;
    if (!value || !value->text()) run.fail("text as " + std::string(name), value ? value->type() : "nothing");
    return run.spend(value->text()->size()), *value->text();
}

bool has_test(const std::string& name) {
    return tests().contains(name);
}

bool tested(Run& run, const std::string& name, const Value& value, const Arguments& arguments) {
    run.spend(1);
    return tests().at(name)(run, value, arguments);
}

}  // namespace microtome::jinja
