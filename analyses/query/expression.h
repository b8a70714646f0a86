// Questions to an activation store: `L3H1.pattern[prev] > 0.5 and token = " Mary"`. Text to a tree; what names mean is decided in query.h.
//
//   query     = number ["top" count ["where" condition]] | condition
//   condition = any of: condition "and" condition, condition "or" condition, "not" condition, "(" condition ")",
//               number ("<" "<=" ">" ">=" "=" "!=") number, ("token" "text" "label" "group") ("=" "!=" "contains") "string"
//   number    = + - * / of: 0.5, position, length, id, prompt, norm(VALUES), max(VALUES), min, mean, sum, abs(number), max(number,
//   number…),
//               a VALUE: L2.mlp_post[117], L3H1.pattern[prev], blocks.1.hook_resid_post[5], grad(L2.mlp_post[117]); VALUES: the same
//               without the index in brackets
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace microtome::query {

enum class Kind {
    number,      // value
    variable,    // text: position, length, id, prompt, metric
    activation,  // site, head, index, gradient
    function,    // text, children
    negate,      // -a
    arithmetic,  // text: + - * /
    compare,     // text: < <= > >= = !=
    match,       // text: token, text, label, group; how: = != contains; string
    conjunction,
    disjunction,
    negation,
};

/// Index of an activation in brackets. Of a pattern: the key's position; prev and self from the query, first and numbers from the
/// beginning.
struct Index {
    enum Kind { none, number, prev, self } kind = none;
    std::uint64_t value = 0;
};

struct Node {
    Kind kind;
    std::size_t column = 0;  // of its first character, from 1
    double value = 0;
    std::string text, how, string;
    std::string site;  // hook name: blocks.3.attn.hook_pattern
    int head = -1;
    Index index;
    std::vector<Node> children;
    std::size_t slot = 0;   // activations: number of the term (query.h)
    bool gradient = false;  // of the store's metric, by this activation
};

struct Query {
    Node root;              // a condition; with `top`, a number
    std::uint64_t top = 0;  // 0: not asked for
    std::unique_ptr<Node> where;
};

bool is_condition(const Node& node);

/// An Error names the column of the mistake.
Query parse(std::string_view text);
/// "expression, column 7"
std::string at_column(std::size_t column);

}  // namespace microtome::query
