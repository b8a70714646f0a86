// Values of a template while it runs, and the errors and bounds of the run. Semantics are Python's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/json.h"

namespace microtome::jinja {

struct Node;
struct Value;
struct Function;
struct Namespace;

struct Undefined {
    std::string what;  // "'x'" or "'dict object' has no attribute 'x'"
};
struct None {};
using Text = std::shared_ptr<const std::string>;
using Items = std::vector<Value>;
using Entries = std::vector<std::pair<std::string, Value>>;  // in the order they were put

// Lists and dicts never change once made, so they can hold no cycle; `depth` bounds their nesting.
template <typename Content>
struct Container {
    Content content;
    int depth = 1;
    bool tuple = false;  // is shown in round brackets
};
using List = std::shared_ptr<const Container<Items>>;
using Dict = std::shared_ptr<const Container<Entries>>;

struct Value {
    std::variant<Undefined, None, bool, std::int64_t, double, Text, List, Dict, std::shared_ptr<const Function>, Namespace*> is;

    template <typename T>
    const T* as() const {
        return std::get_if<T>(&is);
    }
    const std::string* text() const { return as<Text>() ? as<Text>()->get() : nullptr; }
    const Items* items() const { return as<List>() ? &(*as<List>())->content : nullptr; }
    const Entries* entries() const { return as<Dict>() ? &(*as<Dict>())->content : nullptr; }
    bool undefined() const { return as<Undefined>(); }
    bool none() const { return as<None>(); }
    bool number() const { return as<std::int64_t>() || as<double>() || as<bool>(); }
    /// Of a number; bool counts as 0 or 1.
    double real() const;
    /// Whether it is an int or a bool, and its value.
    bool integer(std::int64_t& out) const;
    const char* type() const;  // for messages
};

/// A macro, a global function, or a method with its object.
struct Function {
    std::string name;
    Value self;                   // Undefined: none
    const Node* macro = nullptr;  // of the template
    Entries captured = {};        // what the body of a call block sees around it
};
struct Namespace {
    Entries entries;
};

const Value* find(const Entries& entries, std::string_view key);

/// Where the run is, and how much more it may do.
class Run {
  public:
    Run(std::string subject, std::int64_t work) : subject_(std::move(subject)), work_(work) {}

    int line = 0;

    [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
    void spend(std::size_t work);
    Value text(std::string text);
    Value list(Items items, bool tuple = false);
    Value dict(Entries entries);
    Value from_json(const Json& json);

  private:
    std::string subject_;
    std::int64_t work_;
};

bool truth(const Value& value);
bool equal(Run& run, const Value& a, const Value& b);
bool less(Run& run, const Value& a, const Value& b);
bool contains(Run& run, const Value& all, const Value& one);
/// str(value) and repr(value).
std::string shown(Run& run, const Value& value);
std::string repr(Run& run, const Value& value);
struct JsonStyle {
    int indent = -1;  // -1: one line
    bool ascii = false, sorted = false;
    std::string comma = ", ", colon = ": ";
};
/// Python's json.dumps.
std::string json_text(Run& run, const Value& value, const JsonStyle& style);
std::string shown_number(double value);

/// What a `for` goes through: a list's items, a dict's keys, a text's characters; nothing for Undefined.
Items iterated(Run& run, const Value& value);
/// The characters of a text, one string each.
std::vector<std::string_view> characters(std::string_view text);
std::size_t length(Run& run, const Value& value);
bool is_python_space(char32_t c);
std::string_view stripped(std::string_view text, bool left, bool right);
std::string_view stripped_of(std::string_view text, std::string_view characters, bool left, bool right);

struct Arguments {
    Items plain;
    Entries named;
    /// By place or by name; nullptr if it is not given.
    const Value* at(std::size_t place, std::string_view name) const;
    std::int64_t integer(Run& run, std::size_t place, std::string_view name, std::int64_t fallback) const;
    bool flag(std::size_t place, std::string_view name, bool fallback) const;
    /// A text that must be given if there is no `fallback`.
    std::string text(Run& run, std::size_t place, std::string_view name, const char* fallback = nullptr) const;
};

Value filtered(Run& run, const std::string& name, const Value& value, const Arguments& arguments);
bool tested(Run& run, const std::string& name, const Value& value, const Arguments& arguments);
bool has_filter(const std::string& name);
bool has_test(const std::string& name);
/// A method of text, dict or list; `has_method` says whether `object` has one of that name.
bool has_method(const Value& object, std::string_view name);
Value call_method(Run& run, const Value& object, const std::string& name, const Arguments& arguments);
/// object.name or object[name]
Value attribute(Run& run, const Value& object, const std::string& name);
Value item(Run& run, const Value& object, const Value& key);
Value slice(Run& run, const Value& object, const Value& from, const Value& to, const Value& step);
Value binary(Run& run, const std::string& op, const Value& a, const Value& b);
Value negated(Run& run, const Value& a);

std::string upper_case(std::string_view text);
std::string lower_case(std::string_view text);
/// Python's str.title, str.capitalize.
std::string title_case(std::string_view text);
std::string capitalized(std::string_view text);
std::string replaced(Run& run, std::string_view text, std::string_view from, std::string_view to, std::int64_t count);

}  // namespace microtome::jinja
