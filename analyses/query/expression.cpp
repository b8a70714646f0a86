#include "analyses/query/expression.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "analyses/query/tokens.h"
#include "core/base/error.h"
#include "core/base/near.h"
#include "core/base/sites.h"

namespace microtome::query {
namespace {

constexpr int deepest = 100;
const std::vector<std::string> variables{"position", "length", "id", "prompt", "metric"};
const std::vector<std::string> texts{"token", "text", "label", "group"};
const std::vector<std::string> functions{"norm", "max", "min", "mean", "sum", "abs", "grad"};

bool one_of(const std::string& text, const std::vector<std::string>& known) {
    return std::find(known.begin(), known.end(), text) != known.end();
}

class Parser {
  public:
    explicit Parser(std::string_view text) : words_(words_of(text)) {}

    Query query() {
        Query out{disjunction(0), 0, nullptr};
        if (word().is("top")) {
            if (is_condition(out.root)) refuse(word(), "a number before top, such as L2.mlp_post[117]");
            take();
            out.top = whole_number(1, 10'000'000, "a count from 1 to 10000000");
            if (accept("where")) out.where = std::make_unique<Node>(condition(disjunction(0)));
        } else if (!is_condition(out.root)) {
            refuse(word(), "a comparison (> 0.5), or top and a count");
        }
        if (word().kind != Word::end) refuse(word(), "the end, and, or");
        return out;
    }

  private:
    const Word& word() const { return words_[at_]; }
    const Word& take() { return words_[at_ + 1 < words_.size() ? at_++ : at_]; }
    bool accept(std::string_view text) {
        if (!word().is(text)) return false;
        take();
        return true;
    }
    void expect(std::string_view text) {
        if (!accept(text)) refuse(word(), "\"" + std::string(text) + "\"");
    }
    [[noreturn]] static void refuse(const Word& word, const std::string& expected) {
        throw Error(at_column(word.column), expected, word.shown());
    }
    [[noreturn]] static void refuse(const Node& node, const std::string& expected, const std::string& got) {
        throw Error(at_column(node.column), expected, got);
    }
    Node node(Kind kind) const { return {kind, word().column, 0, {}, {}, {}, {}, -1, {}, {}, 0, false}; }
    static Node condition(Node made) {
        if (!is_condition(made)) refuse(made, "a condition", "a number");
        return made;
    }
    static Node number(Node made) {
        if (is_condition(made)) refuse(made, "a number", "a condition");
        return made;
    }
    static Node joined_by(Kind kind, Node left, Node right) {
        Node out{kind, left.column, 0, {}, {}, {}, {}, -1, {}, {}, 0, false};
        out.children.push_back(std::move(left));
        out.children.push_back(std::move(right));
        return out;
    }
    void check_depth(int depth) const {
        if (depth > deepest) throw Error(at_column(word().column), "at most 100 levels", "more");
    }

    std::uint64_t whole_number(std::uint64_t least, std::uint64_t most, const std::string& expected) {
        const Word& at = word();
        std::uint64_t value = 0;
        const char* end = at.text.data() + at.text.size();
        const auto [stop, error] = std::from_chars(at.text.data(), end, value);
        if (at.kind != Word::number || stop != end || error != std::errc() || value < least || value > most) refuse(at, expected);
        take();
        return value;
    }

    Node disjunction(int depth) {
        Node left = conjunction(depth);
        while (accept("or")) left = joined_by(Kind::disjunction, condition(std::move(left)), condition(conjunction(depth)));
        return left;
    }

    Node conjunction(int depth) {
        Node left = negation(depth);
        while (accept("and")) left = joined_by(Kind::conjunction, condition(std::move(left)), condition(negation(depth)));
        return left;
    }

    Node negation(int depth) {
        check_depth(depth);
        Node out = node(Kind::negation);
        if (!accept("not")) return comparison(depth);
        out.children.push_back(condition(negation(depth + 1)));
        return out;
    }

    Node comparison(int depth) {
        if (word().kind == Word::name && one_of(word().text, texts)) return match();
        Node left = sum(depth);
        if (word().kind != Word::sign || !one_of(word().text, {"<", "<=", ">", ">=", "=", "!="})) return left;
        const std::string how = take().text;
        Node out = joined_by(Kind::compare, number(std::move(left)), number(sum(depth)));
        out.text = how;
        return out;
    }

    Node match() {
        Node out = node(Kind::match);
        out.text = take().text;
        if (!word().is("=") && !word().is("!=") && !word().is("contains")) refuse(word(), "=, != or contains");
        out.how = take().text;
        if (word().kind != Word::string) refuse(word(), "a text in quotes");
        out.string = take().text;
        return out;
    }

    Node sum(int depth) {
        Node left = product(depth);
        while (word().is("+") || word().is("-")) {
            const std::string how = take().text;
            left = joined_by(Kind::arithmetic, number(std::move(left)), number(product(depth)));
            left.text = how;
        }
        return left;
    }

    Node product(int depth) {
        Node left = sign(depth);
        while (word().is("*") || word().is("/")) {
            const std::string how = take().text;
            left = joined_by(Kind::arithmetic, number(std::move(left)), number(sign(depth)));
            left.text = how;
        }
        return left;
    }

    Node sign(int depth) {
        check_depth(depth);
        Node out = node(Kind::negate);
        if (!accept("-")) return atom(depth);
        out.children.push_back(number(sign(depth + 1)));
        return out;
    }

    Node atom(int depth) {
        check_depth(depth);
        if (word().kind == Word::number) {
            Node out = node(Kind::number);
            out.value = take().value;
            return out;
        }
        if (accept("(")) {
            Node out = disjunction(depth + 1);
            expect(")");
            return out;
        }
        if (word().kind != Word::name) refuse(word(), "a number, an activation (L3H1.pattern[prev]) or a condition");
        if (word().is("grad")) return gradient();
        if (one_of(word().text, functions)) return function(depth);
        if (one_of(word().text, variables)) {
            Node out = node(Kind::variable);
            out.text = take().text;
            return out;
        }
        return activation();
    }

    Node function(int depth) {
        Node out = node(Kind::function);
        out.text = take().text;
        expect("(");
        do out.children.push_back(number(disjunction(depth + 1)));
        while (accept(","));
        expect(")");
        const bool list = one_of(out.text, {"max", "min"});
        if (!list && out.children.size() > 1) refuse(out, out.text + " of one argument", std::to_string(out.children.size()));
        return out;
    }

    Node gradient() {
        const std::size_t column = take().column;
        expect("(");
        if (word().kind != Word::name) refuse(word(), "an activation (L3H1.z[5])");
        Node out = activation();
        expect(")");
        out.column = column;
        out.gradient = true;
        return out;
    }

    Node activation() {
        Node out = node(Kind::activation);
        const Word name = take();
        const auto [site, head] = activation_name(name.text);
        try {
            out.site = hook_name(parse_hook(site));
        } catch (const Error& error) {
            std::vector<std::string> known = functions;
            for (const auto* more : {&variables, &texts}) known.insert(known.end(), more->begin(), more->end());
            const bool word_like = name.text.find('.') == std::string::npos;
            throw Error(at_column(name.column), word_like ? "an activation, " + joined(known) : error.expected(),
                        word_like ? with_suggestion(name.text, known) : error.got());
        }
        out.head = head;
        if (accept("[")) {
            out.index = index();
            expect("]");
        }
        return out;
    }

    Index index() {
        if (accept("prev")) return {Index::prev, 0};
        if (accept("self")) return {Index::self, 0};
        if (accept("first")) return {Index::number, 0};
        return {Index::number, whole_number(0, UINT64_MAX, "an index: a number from 0, prev, self or first")};
    }

    std::vector<Word> words_;
    std::size_t at_ = 0;
};

}  // namespace

bool is_condition(const Node& node) {
    return node.kind == Kind::compare || node.kind == Kind::match || node.kind == Kind::conjunction || node.kind == Kind::disjunction ||
           node.kind == Kind::negation;
}

Query parse(std::string_view text) {
    return Parser(text).query();
}

std::string at_column(std::size_t column) {
    return "expression, column " + std::to_string(column);
}

}  // namespace microtome::query
