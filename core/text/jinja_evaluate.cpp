// Expressions of a template.
#include <algorithm>
#include <ctime>

#include "core/text/jinja_run.h"

namespace microtome::jinja {
namespace {

constexpr const char* globals[] = {"range", "namespace", "dict", "raise_exception", "strftime_now"};

}  // namespace

const Value* Evaluator::find_name(const std::string& name) {
    for (Scope* scope = scope_; scope; scope = scope->outer) {
        run_.spend(scope->names.size() / 8 + 1);
        if (const Value* found = find(scope->names, name)) return found;
    }
    return nullptr;
}

Value Evaluator::named(const Node& node) {
    if (const Value* found = find_name(node.name)) return *found;
    for (const char* name : globals)
        if (node.name == name) return {std::make_shared<const Function>(Function{node.name, {}})};
    return {Undefined{"\"" + node.name + "\", which is undefined"}};
}

Value Evaluator::value(const Node& node) {
    const Step step(*this, node);
    const auto part = [&](std::size_t i) { return value(*node.parts[i]); };
    switch (node.kind) {
        case Kind::constant:
            return node.value;
        case Kind::name:
            return named(node);
        case Kind::list: {
            Items items;
            for (const NodePtr& one : node.parts) items.push_back(value(*one));
            return run_.list(std::move(items), node.name == "(");
        }
        case Kind::dict:
            return dict_of(node);
        case Kind::attribute:
            return attribute(run_, part(0), node.name);
        case Kind::item: {
            const Value object = part(0);
            return item(run_, object, part(1));
        }
        case Kind::slice: {
            const Value object = part(0);
            const auto bound = [&](std::size_t i) { return node.parts[i] ? part(i) : Value{None{}}; };
            const Value from = bound(1), to = bound(2);
            return slice(run_, object, from, to, bound(3));
        }
        case Kind::call:
            return called(node);
        case Kind::filter: {
            const Value input = part(0);
            return filtered(run_, node.name, input, arguments(node, 1));
        }
        case Kind::test: {
            const Value input = part(0);
            return {tested(run_, node.name, input, arguments(node, 1))};
        }
        case Kind::condition:
            if (truth(part(1))) return part(0);
            return node.parts[2] ? part(2) : Value{Undefined{"a choice without else"}};
        case Kind::either: {
            Value left = part(0);
            return truth(left) ? left : part(1);
        }
        case Kind::both: {
            Value left = part(0);
            return truth(left) ? part(1) : left;
        }
        case Kind::negation:
            return {!truth(part(0))};
        case Kind::compare:
            return compared(node);
        case Kind::arithmetic: {
            const Value left = part(0);
            return binary(run_, node.name, left, part(1));
        }
        case Kind::minus:
            return node.name == "-" ? negated(run_, part(0)) : negated(run_, negated(run_, part(0)));
        case Kind::concat: {
            std::string out;
            for (const NodePtr& one : node.parts) out += shown(run_, value(*one));
            return run_.text(std::move(out));
        }
        default:
            run_.fail("an expression", "a statement");
    }
}

Value Evaluator::dict_of(const Node& node) {
    Entries entries;
    for (std::size_t i = 0; i < node.parts.size(); i += 2) {
        const Value key = value(*node.parts[i]);
        if (!key.text()) run_.fail("text as a dict's key", key.type());
        Value one = value(*node.parts[i + 1]);
        run_.spend(entries.size());
        const auto old = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == *key.text(); });
        if (old != entries.end())
            old->second = std::move(one);
        else
            entries.emplace_back(*key.text(), std::move(one));
    }
    return run_.dict(std::move(entries));
}

Value Evaluator::compared(const Node& node) {
    Value left = value(*node.parts[0]);
    for (std::size_t i = 0; i < node.names.size(); ++i) {
        Value right = value(*node.parts[i + 1]);
        const std::string& op = node.names[i];
        const bool holds = op == "=="       ? equal(run_, left, right)
                           : op == "!="     ? !equal(run_, left, right)
                           : op == "<"      ? less(run_, left, right)
                           : op == ">"      ? less(run_, right, left)
                           : op == "<="     ? !less(run_, right, left)
                           : op == ">="     ? !less(run_, left, right)
                           : op == "not in" ? !contains(run_, right, left)
                                            : contains(run_, right, left);
        if (!holds) return {false};
        left = std::move(right);
    }
    return {true};
}

Arguments Evaluator::arguments(const Node& node, std::size_t from) {
    Arguments out;
    const std::size_t plain = node.parts.size() - node.names.size();
    for (std::size_t i = from; i < plain; ++i) out.plain.push_back(value(*node.parts[i]));
    for (std::size_t i = 0; i < node.names.size(); ++i) out.named.emplace_back(node.names[i], value(*node.parts[plain + i]));
    return out;
}

Value Evaluator::called(const Node& node) {
    const Value caller = std::exchange(caller_, {});
    const Value target = value(*node.parts[0]);
    const auto* function = target.as<std::shared_ptr<const Function>>();
    if (!function) run_.fail("a function to call", target.undefined() ? target.as<Undefined>()->what : target.type());
    const Arguments given = arguments(node, 1);
    if ((*function)->macro) return call_macro(**function, given, caller);
    if (!(*function)->self.undefined()) return call_method(run_, (*function)->self, (*function)->name, given);
    return call_global((*function)->name, given);
}

// NOTE: a macro sees the template's outermost names, wherever it stands.
Value Evaluator::call_macro(const Function& function, const Arguments& given, const Value& caller) {
    const Node& macro = *function.macro;
    Scope around{top_, function.captured};
    Scope inner{&around, {}};
    if (given.plain.size() > macro.names.size())
        run_.fail(std::to_string(macro.names.size()) + " arguments of " + macro.name, std::to_string(given.plain.size()));
    for (const auto& [name, one] : given.named)
        if (std::find(macro.names.begin(), macro.names.end(), name) == macro.names.end())
            run_.fail("an argument of " + macro.name, "\"" + name + "\"");
    if (!caller.undefined()) inner.set("caller", caller);
    std::string outer = std::exchange(out_, {});
    const Enter enter(*this, inner);
    for (std::size_t i = 0; i < macro.names.size(); ++i) {
        const Value* one = given.at(i, macro.names[i]);
        const NodePtr& fallback = macro.parts[i];
        inner.set(macro.names[i], one        ? *one
                                  : fallback ? value(*fallback)
                                             : Value{Undefined{"\"" + macro.names[i] + "\", which was not given"}});
    }
    statements(macro.body);
    return run_.text(std::exchange(out_, std::move(outer)));
}

Value Evaluator::call_global(const std::string& name, const Arguments& given) {
    if (name == "range") return range(given);
    if (name == "namespace") return space_of(given);
    if (name == "dict") return run_.dict(given.named);
    if (name == "strftime_now") return run_.text(date_text(given.text(run_, 0, "format")));
    const Value* message = given.at(0, "message");
    run_.fail("messages that the template takes", message ? shown(run_, *message) : "others");
}

Value Evaluator::space_of(const Arguments& given) {
    run_.spend(64);
    spaces_.push_back(std::make_unique<Namespace>());
    if (!given.plain.empty() && given.plain[0].entries()) spaces_.back()->entries = *given.plain[0].entries();
    for (const auto& [name, one] : given.named) spaces_.back()->entries.emplace_back(name, one);
    return {spaces_.back().get()};
}

Value Evaluator::range(const Arguments& given) {
    std::int64_t from = 0, to = 0, step = 1;
    if (given.plain.empty() || given.plain.size() > 3) run_.fail("one to three numbers for range", std::to_string(given.plain.size()));
    to = given.integer(run_, 0, "stop", 0);
    if (given.plain.size() > 1) from = to, to = given.integer(run_, 1, "stop", 0), step = given.integer(run_, 2, "step", 1);
    const std::int64_t far = std::int64_t{1} << 40;
    if (step == 0 || std::max({from, to, step}) > far || std::min({from, to, step}) < -far)
        run_.fail("numbers of reasonable size for range", "others");
    Items items;
    for (std::int64_t i = from; step > 0 ? i < to : i > to; i += step) {
        if (items.size() >= 100'000) run_.fail("a range of at most 100000 numbers", "a longer one");
        items.push_back({i});
    }
    run_.spend(16 * items.size());
    return run_.list(std::move(items));
}

// strftime's letters that templates use, in English; %-d leaves out the zero.
std::string Evaluator::date_text(const std::string& format) {
    std::tm parts{};
    parts.tm_year = date_.year - 1900, parts.tm_mon = date_.month - 1, parts.tm_mday = date_.day;
    parts.tm_hour = date_.hour, parts.tm_min = date_.minute, parts.tm_sec = date_.second;
    std::tm known = parts;
    timegm(&known);
    parts.tm_wday = known.tm_wday, parts.tm_yday = known.tm_yday;
    static const char* const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    static const char* const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    const std::string month = months[std::clamp(date_.month - 1, 0, 11)], day = days[std::clamp(parts.tm_wday, 0, 6)];
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' || i + 1 == format.size()) {
            out += format[i];
            continue;
        }
        const bool bare = format[i + 1] == '-' && i + 2 < format.size();
        const char letter = format[i += bare ? 2 : 1];
        if (letter == '%')
            out += '%';
        else if (letter == 'B')
            out += month;
        else if (letter == 'b' || letter == 'h')
            out += month.substr(0, 3);
        else if (letter == 'A')
            out += day;
        else if (letter == 'a')
            out += day.substr(0, 3);
        else if (std::string_view("YmdHMSyjIpFTDR").find(letter) != std::string_view::npos) {
            char text[64] = {};
            const char wanted[] = {'%', letter, 0};
            const std::size_t size = std::strftime(text, sizeof text, wanted, &parts);
            const std::string all(text, size);
            const std::size_t zeros = bare ? std::min(all.find_first_not_of('0'), all.size() - 1) : 0;
            out += all.substr(zeros);
        } else {
            run_.fail("%Y, %m, %d, %B, %b, %A, %a, %H, %M, %S, %y, %j, %I, %p, %F, %T, %D or %R", std::string("%") + letter);
        }
    }
    return out;
}

}  // namespace microtome::jinja
