// What a run is judged by, as users write it: `logit(answer) - logit(foil)`, `kl()`, `mean(logprob(answer, role:S2))`. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace microtome {

/// A member of a token set.
struct TokenRef {
    enum class Kind { answer, foil, all, text, id } kind = Kind::answer;
    std::string text;  // text: the token as it reads in a text (" Mary")
    std::int64_t id = 0;
    bool operator==(const TokenRef&) const = default;
};

/// Where the logits are read.
struct PlaceRef {
    enum class Kind { last, index, role, all } kind = Kind::last;
    std::int64_t index = -1;  // negative: from the end
    std::string role;
    bool operator==(const PlaceRef&) const = default;
};

struct MetricNode {
    enum class Kind {
        number,
        add,
        subtract,
        multiply,
        divide,
        negate,
        logit,
        prob,
        logprob,
        logsumexp,
        rank,
        kl,
        mean
    } kind = Kind::number;
    double number = 0;
    std::vector<TokenRef> tokens;   // logit, prob, logprob, logsumexp, rank
    std::size_t place = 0;          // index of MetricExpression::places; the functions of tokens, and kl
    std::vector<MetricNode> parts;  // operands; arguments of mean
};

struct MetricExpression {
    MetricNode root;
    std::vector<PlaceRef> places;  // each once
    bool uses(TokenRef::Kind kind) const;
    bool uses(MetricNode::Kind kind) const;
    /// The quoted words, each once.
    std::vector<std::string> words() const;
    std::vector<std::string> roles() const;
};

/// expression := term (('+' | '-') term)*;  term := sign (('*' | '/') sign)*;  sign := '-' sign | number | '(' expression ')' | call
/// call := (logit | prob | logprob | rank) '(' tokens [',' position] ')' | logsumexp '(' [tokens [',' position]] ')'
///       | kl '(' [position] ')' | mean '(' expression (',' expression)* ')'
/// tokens := one | '[' one (',' one)* ']';  one := answer | foil | all | id | "word" | 'word'
/// position := last | all | n | -n | role:NAME
/// `subject` begins an Error, which names the column, counted from 1.
MetricExpression parse_metric_expression(std::string_view text, const std::string& subject);

/// Parses to an equal expression.
std::string to_text(const MetricExpression& expression);
std::string to_text(const PlaceRef& place);

}  // namespace microtome
