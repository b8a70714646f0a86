// A template, parsed.
#pragma once

#include "core/text/jinja_value.h"

namespace microtome::jinja {

enum class Kind {
    // expressions
    constant,
    name,
    list,
    dict,
    attribute,
    item,
    slice,
    call,
    filter,
    test,
    condition,
    either,
    both,
    negation,
    compare,
    arithmetic,
    minus,
    concat,
    // statements
    block,
    output,
    print,
    loop,
    branch,
    assign,
    capture,
    macro,
    call_block,
    filter_block,
    leave_loop,
    next_turn,
    with
};

using NodePtr = std::unique_ptr<Node>;

/// `parts` as the kind says (a part may be null); `names` go with the last parts: keys of named arguments, defaults, compared signs.
struct Node {
    Kind kind;
    int line = 0, depth = 1;
    std::string name;  // of variable, attribute, filter, operator; the text of `output`
    Value value;
    std::vector<NodePtr> parts;
    std::vector<std::string> names;
    std::vector<NodePtr> body, otherwise;  // statements
};

enum class TokenKind { data, print_begin, print_end, tag_begin, tag_end, name, integer, real, text, sign, end };
struct Token {
    TokenKind kind;
    std::string text;
    int line = 0;
};

std::vector<Token> tokens_of(std::string_view source, const std::string& subject);
NodePtr parse(std::string_view source, const std::string& subject);

/// Reads the tokens one after the other.
class Parser {
  public:
    Parser(std::vector<Token> tokens, const std::string& subject) : tokens_(std::move(tokens)), subject_(subject) {}

    /// Statements up to a tag that begins with one of `ends` (left standing after its "{%"), or the template's end if there are none.
    std::vector<NodePtr> statements(const std::vector<std::string>& ends);

  private:
    const Token& now() const { return tokens_[at_]; }
    bool is(TokenKind kind, std::string_view text) const { return now().kind == kind && now().text == text; }
    bool sign(std::string_view text) const { return is(TokenKind::sign, text); }
    bool word(std::string_view text) const { return is(TokenKind::name, text); }
    bool take_sign(std::string_view text);
    bool take_word(std::string_view text);
    void want_sign(std::string_view text);
    void want_word(std::string_view text);
    std::string want_name();
    void end_tag();
    [[noreturn]] void fail(const std::string& expected) const;
    [[noreturn]] void fail_at(int line, const std::string& expected, const std::string& got) const;

    NodePtr node(Kind kind) const;
    void adopt(Node& parent, NodePtr child) const;
    void adopt_all(Node& parent, std::vector<NodePtr>& where, std::vector<NodePtr> children) const;

    NodePtr statement();
    NodePtr for_statement();
    NodePtr if_statement();
    NodePtr set_statement();
    NodePtr macro_statement();
    NodePtr call_statement();
    NodePtr filter_statement();
    NodePtr with_statement();
    std::vector<NodePtr> body(const std::vector<std::string>& ends);
    void parameters(Node& macro);
    std::vector<std::string> targets();

    NodePtr expression();
    NodePtr or_expression();
    NodePtr and_expression();
    NodePtr not_expression();
    NodePtr comparison();
    NodePtr sum();
    NodePtr concatenation();
    NodePtr product();
    NodePtr power();
    NodePtr unary(bool with_filters);
    NodePtr primary();
    NodePtr list_or_tuple(std::string_view closing);
    NodePtr dict_literal();
    NodePtr postfix(NodePtr value);
    NodePtr subscript(NodePtr value);
    NodePtr filters(NodePtr value);
    NodePtr filter(NodePtr value);
    NodePtr test(NodePtr value);
    void arguments(Node& call);

    std::vector<Token> tokens_;
    const std::string& subject_;
    std::size_t at_ = 0;
    int nesting_ = 0, loops_ = 0;
    friend struct Nested;
};

}  // namespace microtome::jinja
