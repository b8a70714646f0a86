// Operators, items and slices, as Python computes them.
#include <algorithm>
#include <cmath>

#include "core/text/jinja_value.h"

namespace microtome::jinja {
namespace {

[[noreturn]] void mismatch(Run& run, const std::string& op, const Value& a, const Value& b) {
    run.fail("operands that " + op + " can take", std::string(a.type()) + " and " + b.type());
}

[[noreturn]] void too_large(Run& run) {
    run.fail("whole numbers within 64 bits", "a larger one");
}

std::int64_t power(Run& run, std::int64_t base, std::int64_t exponent) {
    std::int64_t out = 1;
    bool over = false;
    for (std::int64_t i = 0; i < exponent && !over && out != 0 && (base != 1); ++i) {
        if (base == -1) return exponent % 2 ? -1 : 1;
        over = __builtin_mul_overflow(out, base, &out);
    }
    if (over) too_large(run);
    return out;
}

Value whole_numbers(Run& run, const std::string& op, std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    const bool sum = op == "+", difference = op == "-", product = op == "*";
    if (sum || difference || product) {
        const bool over = sum          ? __builtin_add_overflow(a, b, &out)
                          : difference ? __builtin_sub_overflow(a, b, &out)
                                       : __builtin_mul_overflow(a, b, &out);
        if (over) too_large(run);
        return {out};
    }
    if (op == "**" && b >= 0) return {power(run, a, b)};
    if (op == "**") return {std::pow(static_cast<double>(a), static_cast<double>(b))};
    if (b == 0) run.fail("a divisor other than 0", "0");
    if (op == "/") return {static_cast<double>(a) / static_cast<double>(b)};
    if (b == -1 && a == INT64_MIN) too_large(run);
    const bool down = a % b != 0 && (a < 0) != (b < 0);  // towards minus infinity
    return {op == "//" ? a / b - (down ? 1 : 0) : a % b + (down ? b : 0)};
}

Value real_numbers(Run& run, const std::string& op, double a, double b) {
    if (op == "+") return {a + b};
    if (op == "-") return {a - b};
    if (op == "*") return {a * b};
    if (op == "**") return {std::pow(a, b)};
    if (b == 0) run.fail("a divisor other than 0", "0");
    if (op == "/") return {a / b};
    if (op == "//") return {std::floor(a / b)};
    const double rest = std::fmod(a, b);
    return {rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest};
}

Value repeated(Run& run, const Value& what, std::int64_t times) {
    const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(times, 0, 1 << 24));
    if (const std::string* text = what.text()) {
        run.spend(text->size() * count);
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out += *text;
        return run.text(std::move(out));
    }
    run.spend(16 * what.items()->size() * count);
    Items out;
    for (std::size_t i = 0; i < count; ++i) out.insert(out.end(), what.items()->begin(), what.items()->end());
    return run.list(std::move(out));
}

}  // namespace

Value binary(Run& run, const std::string& op, const Value& a, const Value& b) {
    std::int64_t i = 0, k = 0;
    if (a.integer(i) && b.integer(k)) return whole_numbers(run, op, i, k);
    if (a.number() && b.number()) return real_numbers(run, op, a.real(), b.real());
    if (op == "+" && a.text() && b.text()) {
        run.spend(a.text()->size() + b.text()->size());
        return run.text(*a.text() + *b.text());
    }
    if (op == "+" && a.items() && b.items()) {
        run.spend(16 * (a.items()->size() + b.items()->size()));
        Items out = *a.items();
        out.insert(out.end(), b.items()->begin(), b.items()->end());
        return run.list(std::move(out));
    }
    if (op == "*" && (a.text() || a.items()) && b.integer(k)) return repeated(run, a, k);
    if (op == "*" && (b.text() || b.items()) && a.integer(i)) return repeated(run, b, i);
    if (a.undefined()) run.fail("a value for " + op, a.as<Undefined>()->what);
    if (b.undefined()) run.fail("a value for " + op, b.as<Undefined>()->what);
    mismatch(run, op, a, b);
}

Value negated(Run& run, const Value& a) {
    std::int64_t whole = 0;
    if (a.integer(whole)) {
        if (whole == INT64_MIN) too_large(run);
        return {-whole};
    }
    if (!a.number()) run.fail("a number after -", a.type());
    return {-a.real()};
}

Value item(Run& run, const Value& object, const Value& key) {
    if (object.undefined()) run.fail("a value to look into", object.as<Undefined>()->what);
    std::int64_t place = 0;
    if (const Entries* entries = object.entries()) {
        run.spend(entries->size());
        const Value* found = key.text() ? find(*entries, *key.text()) : nullptr;
        if (found) return *found;
    } else if (key.integer(place) && (object.items() || object.text())) {
        const auto size = static_cast<std::int64_t>(length(run, object));
        if (place < 0) place += size;
        if (place < 0 || place >= size) return {Undefined{"an item of a list of " + std::to_string(size)}};
        const auto at = static_cast<std::size_t>(place);
        if (object.items()) return (*object.items())[at];
        run.spend(object.text()->size() * 4);
        return run.text(std::string(characters(*object.text())[at]));
    }
    if (key.text()) return attribute(run, object, *key.text());
    return {Undefined{std::string("an item of ") + object.type()}};
}

Value slice(Run& run, const Value& object, const Value& from, const Value& to, const Value& step) {
    if (!object.items() && !object.text())
        run.fail("a list or text before [:]", object.undefined() ? object.as<Undefined>()->what : object.type());
    const auto number = [&run](const Value& value, std::int64_t fallback) {
        std::int64_t out = fallback;
        if (!value.none() && !value.integer(out)) run.fail("whole numbers in [:]", value.type());
        return out;
    };
    const auto size = static_cast<std::int64_t>(length(run, object));
    const std::int64_t stride = number(step, 1);
    if (stride == 0) run.fail("a step other than 0", "0");
    const std::int64_t lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? size : size - 1;
    const auto bound = [&](const Value& value, std::int64_t fallback) {
        std::int64_t at = number(value, fallback);
        if (value.none()) return at;
        if (at < 0) at += size;
        return std::clamp(at, lowest, highest);
    };
    const std::int64_t begin = bound(from, stride > 0 ? 0 : size - 1), end = bound(to, stride > 0 ? size : -1);
    std::vector<std::string_view> letters;
    if (object.text()) {
        run.spend(object.text()->size() * 4);
        letters = characters(*object.text());
    }
    Items items;
    std::string text;
    // A stride beyond the size takes one step: bounded, so that the sum can't overflow.
    const std::int64_t by = std::clamp<std::int64_t>(stride, -size - 1, size + 1);
    for (std::int64_t i = begin; by > 0 ? i < end : i > end; i += by) {
        run.spend(16);
        if (object.text())
            text += letters[static_cast<std::size_t>(i)];
        else
            items.push_back((*object.items())[static_cast<std::size_t>(i)]);
    }
    return object.text() ? run.text(std::move(text)) : run.list(std::move(items));
}

Value attribute(Run& run, const Value& object, const std::string& name) {
    if (object.undefined()) run.fail("a value to take ." + name + " of", object.as<Undefined>()->what);
    if (has_method(object, name)) return {std::make_shared<const Function>(Function{name, object})};
    const Entries* entries = object.entries();
    if (const auto* space = object.as<Namespace*>()) entries = &(*space)->entries;
    if (entries) {
        run.spend(entries->size());
        if (const Value* found = find(*entries, name)) return *found;
    }
    return {Undefined{"." + name + " of " + object.type() + ", which has none"}};
}

}  // namespace microtome::jinja
