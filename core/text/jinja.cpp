// Runs a parsed template.
#include "core/text/jinja.h"

#include <algorithm>
#include <ctime>
#include <map>

#include "core/base/error.h"
#include "core/text/jinja_nodes.h"
#include "core/text/jinja_run.h"
#include "core/text/utf8.h"

namespace microtome {

JinjaTemplate::JinjaTemplate(std::string_view source, std::string subject) : subject_(std::move(subject)) {
    if (source.size() > std::size_t{1} << 22)
        throw Error(subject_, "a template of at most 4 MiB", std::to_string(source.size()) + " bytes");
    require_utf8(source, subject_);
    root_ = jinja::parse(source, subject_);
}
JinjaTemplate::~JinjaTemplate() = default;
JinjaTemplate::JinjaTemplate(JinjaTemplate&&) noexcept = default;
JinjaTemplate& JinjaTemplate::operator=(JinjaTemplate&&) noexcept = default;

std::string JinjaTemplate::render(const Json& variables, const Date& date, const JinjaLimits& limits) const {
    jinja::Evaluator evaluator(subject_, date, limits);
    return evaluator.render(*root_, variables);
}

Date today() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec};
}

Date read_date(const std::string& text, const std::string& subject) {
    Date date;
    int used = 0;
    const bool read = std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &date.year, &date.month, &date.day, &used) == 3;
    if (!read || used != 10 || text.size() != 10 || date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31)
        throw Error(subject, "a date such as 2024-07-26", "\"" + text + "\"");
    return date;
}

namespace jinja {

std::string Evaluator::render(const Node& root, const Json& variables) {
    Scope globals{nullptr, {}};
    for (const auto& [name, value] : variables.items()) globals.set(name, run_.from_json(value));
    Scope top{&globals, {}};
    top_ = &top;
    scope_ = &top;
    statements(root.body);
    return std::move(out_);
}

void Evaluator::put(std::string_view text) {
    run_.spend(text.size());
    if (out_.size() + text.size() > most_output_) run_.fail("a text of at most " + std::to_string(most_output_) + " bytes", "a longer one");
    out_ += text;
}

Evaluator::Jump Evaluator::statements(const std::vector<NodePtr>& all) {
    for (const NodePtr& one : all)
        if (const Jump jump = statement(*one); jump != Jump::none) return jump;
    return Jump::none;
}

Evaluator::Jump Evaluator::statement(const Node& node) {
    const Step step(*this, node);
    switch (node.kind) {
        case Kind::output:
            put(node.name);
            return Jump::none;
        case Kind::print:
            put(shown(run_, value(*node.parts[0])));
            return Jump::none;
        case Kind::block:
            return statements(node.body);
        case Kind::branch:
            for (std::size_t i = 0; i < node.parts.size(); ++i)
                if (truth(value(*node.parts[i]))) return statements(node.body[i]->body);
            return statements(node.otherwise);
        case Kind::loop:
            return loop(node);
        case Kind::leave_loop:
            return Jump::leave;
        case Kind::next_turn:
            return Jump::next;
        case Kind::assign:
            assign(node, value(*node.parts[0]));
            return Jump::none;
        case Kind::capture: {
            Value text = run_.text(captured(node.body));
            assign(node, node.parts.empty() ? text : through_filters(*node.parts[0], text));
            return Jump::none;
        }
        case Kind::macro:
            scope_->set(node.name, {std::make_shared<const Function>(Function{node.name, {}, &node})});
            return Jump::none;
        case Kind::filter_block:
            put(shown(run_, through_filters(*node.parts[0], run_.text(captured(node.body)))));
            return Jump::none;
        case Kind::call_block: {
            Scope inner{scope_, {}};
            const Enter enter(*this, inner);
            Entries around;
            for (Scope* scope = scope_; scope && scope != top_; scope = scope->outer)
                around.insert(around.end(), scope->names.begin(), scope->names.end());
            run_.spend(32 * around.size());
            caller_ = Value{std::make_shared<const Function>(Function{"caller", {}, node.otherwise[0].get(), std::move(around)})};
            put(shown(run_, value(*node.parts[0])));
            return Jump::none;
        }
        case Kind::with: {
            Scope inner{scope_, {}};
            for (std::size_t i = 0; i < node.names.size(); ++i) inner.set(node.names[i], value(*node.parts[i]));
            const Enter enter(*this, inner);
            return statements(node.body);
        }
        default:
            run_.fail("a statement", "an expression");
    }
}

// What the body of a loop or macro would write.
std::string Evaluator::captured(const std::vector<NodePtr>& body) {
    std::string outer = std::exchange(out_, {});
    Scope inner{scope_, {}};
    const Enter enter(*this, inner);
    statements(body);
    return std::exchange(out_, std::move(outer));
}

Value Evaluator::through_filters(const Node& node, const Value& first) {
    const Step step(*this, node);
    if (node.kind == Kind::constant) return first;
    const Value input = through_filters(*node.parts[0], first);
    const Arguments given = arguments(node, 1);
    return node.kind == Kind::test ? Value{tested(run_, node.name, input, given)} : filtered(run_, node.name, input, given);
}

void Evaluator::assign(const Node& node, const Value& value) {
    if (!node.name.empty()) {
        const Value* space = find_name(node.names[0]);
        if (!space || !space->as<Namespace*>())
            run_.fail("a namespace before ." + node.name, space ? space->type() : "something undefined");
        Entries& entries = (*space->as<Namespace*>())->entries;
        run_.spend(entries.size() + 1);
        for (auto& [key, old] : entries)
            if (key == node.name) return void(old = value);
        entries.emplace_back(node.name, value);
        return;
    }
    spread(node.names, value, *scope_);
}

void Evaluator::spread(const std::vector<std::string>& names, const Value& value, Scope& scope) {
    if (names.size() == 1) return scope.set(names[0], value);
    const Items items = iterated(run_, value);
    if (items.size() != names.size()) run_.fail(std::to_string(names.size()) + " values", std::to_string(items.size()));
    for (std::size_t i = 0; i < names.size(); ++i) scope.set(names[i], items[i]);
}

Evaluator::Jump Evaluator::loop(const Node& node) {
    Items items = iterated(run_, value(*node.parts[0]));
    if (node.parts[1]) {
        Items kept;
        for (const Value& one : items) {
            Scope inner{scope_, {}};
            spread(node.names, one, inner);
            const Enter enter(*this, inner);
            if (truth(value(*node.parts[1]))) kept.push_back(one);
        }
        items = std::move(kept);
    }
    if (items.empty()) return statements(node.otherwise);
    for (std::size_t i = 0; i < items.size(); ++i) {
        Scope inner{scope_, {}};
        spread(node.names, items[i], inner);
        inner.set("loop", loop_value(items, i));
        const Enter enter(*this, inner);
        if (statements(node.body) == Jump::leave) break;
    }
    return Jump::none;
}

Value Evaluator::loop_value(const Items& items, std::size_t i) {
    const auto at = static_cast<std::int64_t>(i), size = static_cast<std::int64_t>(items.size());
    const Value none{Undefined{"an item outside the loop"}};
    // Built anew each turn: what a template keeps of it stays as it was.
    return run_.dict({{"index", {at + 1}},
                      {"index0", {at}},
                      {"revindex", {size - at}},
                      {"revindex0", {size - at - 1}},
                      {"first", {at == 0}},
                      {"last", {at + 1 == size}},
                      {"length", {size}},
                      {"depth", {std::int64_t{1}}},
                      {"depth0", {std::int64_t{0}}},
                      {"previtem", i > 0 ? items[i - 1] : none},
                      {"nextitem", i + 1 < items.size() ? items[i + 1] : none}});
}

}  // namespace jinja
}  // namespace microtome
