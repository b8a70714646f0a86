// Expressions of a template into nodes; precedence as in Jinja's parser.
#include <algorithm>
#include <charconv>

#include "core/text/jinja_nodes.h"

namespace microtome::jinja {

// parts: value if true, condition, value if false or null
NodePtr Parser::expression() {
    if (++nesting_ > 100) fail_at(now().line, "a template nested at most 100 deep", "a deeper one");
    NodePtr value = or_expression();
    while (word("if")) {
        NodePtr choice = node(Kind::condition);
        ++at_;
        adopt(*choice, std::move(value));
        adopt(*choice, or_expression());
        adopt(*choice, take_word("else") ? expression() : nullptr);
        value = std::move(choice);
    }
    --nesting_;
    return value;
}

NodePtr Parser::or_expression() {
    NodePtr left = and_expression();
    while (word("or")) {
        NodePtr whole = node(Kind::either);
        ++at_;
        adopt(*whole, std::move(left));
        adopt(*whole, and_expression());
        left = std::move(whole);
    }
    return left;
}

NodePtr Parser::and_expression() {
    NodePtr left = not_expression();
    while (word("and")) {
        NodePtr whole = node(Kind::both);
        ++at_;
        adopt(*whole, std::move(left));
        adopt(*whole, not_expression());
        left = std::move(whole);
    }
    return left;
}

NodePtr Parser::not_expression() {
    if (!word("not")) return comparison();
    if (++nesting_ > 100) fail_at(now().line, "a template nested at most 100 deep", "a deeper one");
    NodePtr whole = node(Kind::negation);
    ++at_;
    adopt(*whole, not_expression());
    --nesting_;
    return whole;
}

// parts: first, then one for each of the signs in names
NodePtr Parser::comparison() {
    NodePtr first = sum();
    NodePtr whole = node(Kind::compare);
    while (true) {
        std::string op;
        for (const char* one : {"==", "!=", "<=", ">=", "<", ">"})
            if (op.empty() && take_sign(one)) op = one;
        if (op.empty() && take_word("in")) op = "in";
        if (op.empty() && word("not") && tokens_[at_ + 1].kind == TokenKind::name && tokens_[at_ + 1].text == "in") op = "not in", at_ += 2;
        if (op.empty()) break;
        if (first) adopt(*whole, std::move(first));
        whole->names.push_back(op);
        adopt(*whole, sum());
    }
    return first ? std::move(first) : std::move(whole);
}

NodePtr Parser::sum() {
    NodePtr left = concatenation();
    while (sign("+") || sign("-")) {
        NodePtr whole = node(Kind::arithmetic);
        whole->name = tokens_[at_++].text;
        adopt(*whole, std::move(left));
        adopt(*whole, concatenation());
        left = std::move(whole);
    }
    return left;
}

NodePtr Parser::concatenation() {
    NodePtr first = product();
    if (!sign("~")) return first;
    NodePtr whole = node(Kind::concat);
    adopt(*whole, std::move(first));
    while (take_sign("~")) adopt(*whole, product());
    return whole;
}

NodePtr Parser::product() {
    NodePtr left = power();
    while (sign("*") || sign("/") || sign("//") || sign("%")) {
        NodePtr whole = node(Kind::arithmetic);
        whole->name = tokens_[at_++].text;
        adopt(*whole, std::move(left));
        adopt(*whole, power());
        left = std::move(whole);
    }
    return left;
}

NodePtr Parser::power() {
    NodePtr left = unary(true);
    while (sign("**")) {
        NodePtr whole = node(Kind::arithmetic);
        whole->name = tokens_[at_++].text;
        adopt(*whole, std::move(left));
        adopt(*whole, unary(true));
        left = std::move(whole);
    }
    return left;
}

NodePtr Parser::unary(bool with_filters) {
    NodePtr value;
    if (sign("-") || sign("+")) {
        if (++nesting_ > 100) fail_at(now().line, "a template nested at most 100 deep", "a deeper one");
        value = node(Kind::minus);
        value->name = tokens_[at_++].text;
        adopt(*value, unary(false));
        --nesting_;
    } else {
        value = primary();
    }
    value = postfix(std::move(value));
    return with_filters ? filters(std::move(value)) : std::move(value);
}

NodePtr Parser::primary() {
    NodePtr value = node(Kind::constant);
    const Token& token = now();
    if (token.kind == TokenKind::name) {
        ++at_;
        if (token.text == "true" || token.text == "True") return value->value.is = true, std::move(value);
        if (token.text == "false" || token.text == "False") return value->value.is = false, std::move(value);
        if (token.text == "none" || token.text == "None") return value->value.is = None{}, std::move(value);
        value->kind = Kind::name;
        value->name = token.text;
        return value;
    }
    if (token.kind == TokenKind::text) {
        std::string text;
        while (now().kind == TokenKind::text) text += tokens_[at_++].text;
        value->value.is = std::make_shared<const std::string>(std::move(text));
        return value;
    }
    if (token.kind == TokenKind::integer || token.kind == TokenKind::real) {
        std::int64_t whole = 0;
        double real = 0;
        const char *begin = token.text.data(), *end = begin + token.text.size();
        const bool is_whole = token.kind == TokenKind::integer;
        const auto result = is_whole ? std::from_chars(begin, end, whole) : std::from_chars(begin, end, real);
        if (result.ec != std::errc() || result.ptr != end) fail("a number within 64 bits");
        if (is_whole)
            value->value.is = whole;
        else
            value->value.is = real;
        ++at_;
        return value;
    }
    if (take_sign("(")) return list_or_tuple(")");
    if (take_sign("[")) return list_or_tuple("]");
    if (take_sign("{")) return dict_literal();
    fail("a value");
}

// NOTE: a tuple (`name` is "(") is a list here, but for how it is shown.
NodePtr Parser::list_or_tuple(std::string_view closing) {
    NodePtr list = node(Kind::list);
    bool commas = closing == "]";
    while (!take_sign(closing)) {
        adopt(*list, expression());
        if (take_sign(","))
            commas = true;
        else if (!sign(closing))
            fail(std::string(closing));
    }
    if (closing == ")") list->name = "(";
    if (commas || list->parts.empty()) return list;
    return std::move(list->parts.front());
}

// parts: key, value, key, value, …
NodePtr Parser::dict_literal() {
    NodePtr dict = node(Kind::dict);
    while (!take_sign("}")) {
        adopt(*dict, expression());
        want_sign(":");
        adopt(*dict, expression());
        if (!sign("}")) want_sign(",");
    }
    return dict;
}

NodePtr Parser::postfix(NodePtr value) {
    while (true) {
        if (take_sign(".")) {
            NodePtr whole = node(now().kind == TokenKind::integer ? Kind::item : Kind::attribute);
            adopt(*whole, std::move(value));
            if (whole->kind == Kind::item)
                adopt(*whole, primary());
            else
                whole->name = want_name();
            value = std::move(whole);
        } else if (take_sign("[")) {
            value = subscript(std::move(value));
        } else if (sign("(")) {
            NodePtr whole = node(Kind::call);
            adopt(*whole, std::move(value));
            arguments(*whole);
            value = std::move(whole);
        } else {
            return value;
        }
    }
}

// parts: object and key, or object, from, to, step (null if left out)
NodePtr Parser::subscript(NodePtr value) {
    NodePtr whole = node(Kind::slice);
    adopt(*whole, std::move(value));
    NodePtr first = sign(":") ? nullptr : expression();
    if (take_sign("]")) {
        whole->kind = Kind::item;
        adopt(*whole, std::move(first));
        return whole;
    }
    adopt(*whole, std::move(first));
    for (int i = 0; i < 2; ++i) adopt(*whole, take_sign(":") && !sign("]") && !sign(":") ? expression() : nullptr);
    want_sign("]");
    return whole;
}

// Appends to parts: values by place, then those by name (names).
void Parser::arguments(Node& call) {
    want_sign("(");
    while (!take_sign(")")) {
        if (sign("*") || sign("**")) fail("arguments without * or **");
        if (now().kind == TokenKind::name && tokens_[at_ + 1].kind == TokenKind::sign && tokens_[at_ + 1].text == "=") {
            call.names.push_back(want_name());
            ++at_;
        } else if (!call.names.empty()) {
            fail("arguments by place before those by name");
        }
        adopt(call, expression());
        if (!sign(")")) want_sign(",");
    }
}

NodePtr Parser::filters(NodePtr value) {
    while (true) {
        if (take_sign("|"))
            value = filter(std::move(value));
        else if (word("is"))
            value = test(std::move(value));
        else if (sign("("))
            value = postfix(std::move(value));
        else
            return value;
    }
}

NodePtr Parser::filter(NodePtr value) {
    NodePtr whole = node(Kind::filter);
    whole->name = want_name();
    if (!has_filter(whole->name)) fail_at(whole->line, "a filter that is supported", "\"" + whole->name + "\"");
    adopt(*whole, std::move(value));
    if (sign("(")) arguments(*whole);
    return whole;
}

NodePtr Parser::test(NodePtr value) {
    ++at_;
    const bool negates = take_word("not");
    NodePtr whole = node(Kind::test);
    whole->name = want_name();
    if (!has_test(whole->name)) fail_at(whole->line, "a test that is supported", "\"" + whole->name + "\"");
    adopt(*whole, std::move(value));
    const TokenKind next = now().kind;
    const bool operand = next == TokenKind::text || next == TokenKind::integer || next == TokenKind::real || sign("[") || sign("{") ||
                         (next == TokenKind::name && !word("else") && !word("or") && !word("and") && !word("is") && !word("if") &&
                          !word("in") && !word("not"));
    if (sign("("))
        arguments(*whole);
    else if (operand)
        adopt(*whole, postfix(primary()));
    if (!negates) return whole;
    NodePtr opposite = node(Kind::negation);
    adopt(*opposite, std::move(whole));
    return opposite;
}

}  // namespace microtome::jinja
