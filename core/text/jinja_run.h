// The walk over a template's nodes.
#pragma once

#include "core/text/jinja.h"
#include "core/text/jinja_nodes.h"

namespace microtome::jinja {

struct Scope {
    Scope* outer = nullptr;
    Entries names;

    void set(const std::string& name, const Value& value) {
        for (auto& [key, old] : names)
            if (key == name) return void(old = value);
        names.emplace_back(name, value);
    }
};

class Evaluator {
  public:
    Evaluator(const std::string& subject, const Date& date, const JinjaLimits& limits)
        : run_(subject, limits.work), most_output_(limits.output), date_(date) {}

    std::string render(const Node& root, const Json& variables);

  private:
    enum class Jump { none, leave, next };

    // One node entered: counts work and nesting, and notes its line for messages.
    struct Step {
        Step(Evaluator& e, const Node& node) : evaluator(e), line(e.run_.line) {
            e.run_.line = node.line ? node.line : line;
            e.run_.spend(1);
            if (++e.depth_ > 500) e.run_.fail("calls nested at most 500 deep", "deeper ones");
        }
        ~Step() {
            --evaluator.depth_;
            if (std::uncaught_exceptions() == 0) evaluator.run_.line = line;
        }
        Evaluator& evaluator;
        int line;
    };
    struct Enter {
        Enter(Evaluator& e, Scope& scope) : evaluator(e), before(std::exchange(e.scope_, &scope)) {}
        ~Enter() { evaluator.scope_ = before; }
        Evaluator& evaluator;
        Scope* before;
    };

    Jump statement(const Node& node);
    Jump statements(const std::vector<NodePtr>& all);
    Jump loop(const Node& node);
    Value loop_value(const Items& items, std::size_t i);
    void assign(const Node& node, const Value& value);
    void spread(const std::vector<std::string>& names, const Value& value, Scope& scope);
    std::string captured(const std::vector<NodePtr>& body);
    Value through_filters(const Node& node, const Value& first);
    void put(std::string_view text);

    Value value(const Node& node);
    Value named(const Node& node);
    Value compared(const Node& node);
    Value called(const Node& node);
    Value dict_of(const Node& node);
    Value call_macro(const Function& function, const Arguments& given, const Value& caller);
    Value call_global(const std::string& name, const Arguments& given);
    Value space_of(const Arguments& given);
    Value range(const Arguments& given);
    std::string date_text(const std::string& format);
    Arguments arguments(const Node& node, std::size_t from);
    const Value* find_name(const std::string& name);

    Run run_;
    std::size_t most_output_;
    Date date_;
    std::string out_;
    Scope *scope_ = nullptr, *top_ = nullptr;
    Value caller_;  // of the call block whose call is being made
    int depth_ = 0;
    std::vector<std::unique_ptr<Namespace>> spaces_;
};

}  // namespace microtome::jinja
