#include "hooks/expression/metric_expression.h"

#include <algorithm>

#include "core/base/json.h"

namespace microtome {
namespace {

using Kind = MetricNode::Kind;

template <class Visit>
void walk(const MetricNode& node, const Visit& visit) {
    visit(node);
    for (const MetricNode& part : node.parts) walk(part, visit);
}

std::string quoted(const std::string& word) {
    std::string out = "\"";
    for (char c : word) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string text_of(const TokenRef& token) {
    switch (token.kind) {
        case TokenRef::Kind::answer:
            return "answer";
        case TokenRef::Kind::foil:
            return "foil";
        case TokenRef::Kind::all:
            return "all";
        case TokenRef::Kind::id:
            return std::to_string(token.id);
        case TokenRef::Kind::text:
            break;
    }
    return quoted(token.text);
}

std::string text_of(const std::vector<TokenRef>& tokens) {
    if (tokens.size() == 1) return text_of(tokens[0]);
    std::string out;
    for (const TokenRef& token : tokens) out += (out.empty() ? "[" : ", ") + text_of(token);
    return out + "]";
}

// How tightly an operator binds: sums, products, signs, all else.
int binding(Kind kind) {
    if (kind == Kind::add || kind == Kind::subtract) return 1;
    if (kind == Kind::multiply || kind == Kind::divide) return 2;
    return kind == Kind::negate ? 3 : 4;
}

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::logit:
            return "logit";
        case Kind::prob:
            return "prob";
        case Kind::logprob:
            return "logprob";
        case Kind::logsumexp:
            return "logsumexp";
        case Kind::rank:
            return "rank";
        case Kind::kl:
            return "kl";
        default:
            return "mean";
    }
}

const char* sign_of(Kind kind) {
    return kind == Kind::add ? " + " : kind == Kind::subtract ? " - " : kind == Kind::multiply ? " * " : " / ";
}

// `least`: what binds less goes into parentheses.
std::string text_of(const MetricNode& node, const std::vector<PlaceRef>& places, int least) {
    int own = binding(node.kind);
    if (own < least) return "(" + text_of(node, places, 1) + ")";
    if (node.kind == Kind::number) return Json(node.number).dump();
    if (own == 3) return "-" + text_of(node.parts[0], places, 3);
    if (own < 3) return text_of(node.parts[0], places, own) + sign_of(node.kind) + text_of(node.parts[1], places, own + 1);
    std::string inside = node.tokens.empty() ? "" : text_of(node.tokens);
    for (const MetricNode& part : node.parts) inside += (inside.empty() ? "" : ", ") + text_of(part, places, 1);
    bool placed = node.kind != Kind::mean && places[node.place].kind != PlaceRef::Kind::last;
    if (placed) inside += (inside.empty() ? "" : ", ") + to_text(places[node.place]);
    return name_of(node.kind) + ("(" + inside) + ")";
}

}  // namespace

bool MetricExpression::uses(TokenRef::Kind kind) const {
    bool found = false;
    walk(root, [&](const MetricNode& node) {
        for (const TokenRef& token : node.tokens) found = found || token.kind == kind;
    });
    return found;
}

bool MetricExpression::uses(MetricNode::Kind kind) const {
    bool found = false;
    walk(root, [&](const MetricNode& node) { found = found || node.kind == kind; });
    return found;
}

std::vector<std::string> MetricExpression::words() const {
    std::vector<std::string> out;
    walk(root, [&](const MetricNode& node) {
        for (const TokenRef& token : node.tokens)
            if (token.kind == TokenRef::Kind::text && std::find(out.begin(), out.end(), token.text) == out.end()) out.push_back(token.text);
    });
    return out;
}

std::vector<std::string> MetricExpression::roles() const {
    std::vector<std::string> out;
    for (const PlaceRef& place : places)
        if (place.kind == PlaceRef::Kind::role) out.push_back(place.role);
    return out;
}

std::string to_text(const PlaceRef& place) {
    switch (place.kind) {
        case PlaceRef::Kind::last:
            return "last";
        case PlaceRef::Kind::all:
            return "all";
        case PlaceRef::Kind::index:
            return std::to_string(place.index);
        case PlaceRef::Kind::role:
            break;
    }
    return "role:" + place.role;
}

std::string to_text(const MetricExpression& expression) {
    return text_of(expression.root, expression.places, 1);
}

}  // namespace microtome
