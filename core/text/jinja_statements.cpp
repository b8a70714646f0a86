// Tags of a template into nodes.
#include <algorithm>

#include "core/base/error.h"
#include "core/text/jinja_nodes.h"
#include "core/text/utf8.h"

namespace microtome::jinja {

struct Nested {
    explicit Nested(Parser& parser) : parser_(parser) {
        if (++parser_.nesting_ > 100) parser_.fail_at(parser_.now().line, "a template nested at most 100 deep", "a deeper one");
    }
    ~Nested() { --parser_.nesting_; }
    Parser& parser_;
};

void Parser::fail_at(int line, const std::string& expected, const std::string& got) const {
    throw Error(subject_ + ":" + std::to_string(line), expected, got);
}

void Parser::fail(const std::string& expected) const {
    static const char* const ends[] = {"text outside tags", "{{", "}}", "{%", "%}"};
    const auto kind = static_cast<std::size_t>(now().kind);
    const std::string got = kind < 5                       ? ends[kind]
                            : now().kind == TokenKind::end ? "the end of the template"
                                                           : "\"" + now().text.substr(0, 60) + "\"";
    fail_at(now().line, expected, to_valid_utf8(got));
}

bool Parser::take_sign(std::string_view text) {
    if (!sign(text)) return false;
    ++at_;
    return true;
}

bool Parser::take_word(std::string_view text) {
    if (!word(text)) return false;
    ++at_;
    return true;
}

void Parser::want_sign(std::string_view text) {
    if (!take_sign(text)) fail(std::string(text));
}

void Parser::want_word(std::string_view text) {
    if (!take_word(text)) fail(std::string(text));
}

std::string Parser::want_name() {
    if (now().kind != TokenKind::name) fail("a name");
    return tokens_[at_++].text;
}

void Parser::end_tag() {
    if (now().kind != TokenKind::tag_end) fail("%}");
    ++at_;
}

NodePtr Parser::node(Kind kind) const {
    auto out = std::make_unique<Node>();
    out->kind = kind;
    out->line = now().line;
    return out;
}

// Bounds the depth of the tree, which chains (a.b.c…, a + b + …) deepen too: all later walks of it recurse.
void Parser::adopt(Node& parent, NodePtr child) const {
    if (child && child->depth >= 200) fail_at(child->line, "an expression nested at most 200 deep", "a deeper one");
    if (child) parent.depth = std::max(parent.depth, child->depth + 1);
    parent.parts.push_back(std::move(child));
}

void Parser::adopt_all(Node& parent, std::vector<NodePtr>& where, std::vector<NodePtr> children) const {
    for (const NodePtr& child : children) {
        if (child->depth >= 200) fail_at(child->line, "statements nested at most 200 deep", "deeper ones");
        parent.depth = std::max(parent.depth, child->depth + 1);
    }
    where = std::move(children);
}

std::vector<NodePtr> Parser::statements(const std::vector<std::string>& ends) {
    const Nested guard(*this);
    std::vector<NodePtr> out;
    while (true) {
        if (now().kind == TokenKind::end) {
            if (!ends.empty()) fail("{% " + ends.front() + " %}");
            return out;
        }
        if (now().kind == TokenKind::data) {
            NodePtr text = node(Kind::output);
            text->name = tokens_[at_++].text;
            out.push_back(std::move(text));
        } else if (now().kind == TokenKind::print_begin) {
            ++at_;
            NodePtr print = node(Kind::print);
            adopt(*print, expression());
            if (now().kind != TokenKind::print_end) fail("}}");
            ++at_;
            out.push_back(std::move(print));
        } else {
            ++at_;
            if (now().kind == TokenKind::name && std::find(ends.begin(), ends.end(), now().text) != ends.end()) return out;
            out.push_back(statement());
        }
    }
}

// Up to one of `ends`, which is taken with its "%}" if there is only one.
std::vector<NodePtr> Parser::body(const std::vector<std::string>& ends) {
    end_tag();
    auto out = statements(ends);
    if (ends.size() == 1) {
        ++at_;
        end_tag();
    }
    return out;
}

NodePtr Parser::statement() {
    if (word("for")) return for_statement();
    if (word("if")) return if_statement();
    if (word("set")) return set_statement();
    if (word("macro")) return macro_statement();
    if (word("call")) return call_statement();
    if (word("filter")) return filter_statement();
    if (word("with")) return with_statement();
    if (word("generation")) {  // marks what a model is trained on; renders as it stands
        NodePtr block = node(Kind::with);
        ++at_;
        adopt_all(*block, block->body, body({"endgeneration"}));
        return block;
    }
    if (word("break") || word("continue")) {
        if (loops_ == 0) fail_at(now().line, "break and continue inside a for", now().text);
        NodePtr jump = node(word("break") ? Kind::leave_loop : Kind::next_turn);
        ++at_;
        end_tag();
        return jump;
    }
    fail("for, if, set, macro, call, filter, with, generation, raw, break or continue");
}

std::vector<std::string> Parser::targets() {
    std::vector<std::string> names;
    const bool bracket = take_sign("(");
    do {
        if (!names.empty() && now().kind != TokenKind::name) break;
        names.push_back(want_name());
    } while (take_sign(","));
    if (bracket) want_sign(")");
    return names;
}

// parts: what to go through, condition or null; names: targets
NodePtr Parser::for_statement() {
    NodePtr loop = node(Kind::loop);
    ++at_;
    loop->names = targets();
    want_word("in");
    adopt(*loop, or_expression());
    adopt(*loop, take_word("if") ? expression() : nullptr);
    if (word("recursive")) fail("a for that is not recursive");
    ++loops_;
    adopt_all(*loop, loop->body, body({"endfor", "else"}));
    --loops_;
    if (take_word("else"))
        adopt_all(*loop, loop->otherwise, body({"endfor"}));
    else
        ++at_, end_tag();
    return loop;
}

// body: one block for each condition in parts; otherwise: after else
NodePtr Parser::if_statement() {
    NodePtr branch = node(Kind::branch);
    std::vector<NodePtr> bodies;
    do {
        ++at_;
        adopt(*branch, expression());
        NodePtr block = node(Kind::block);
        adopt_all(*block, block->body, body({"endif", "elif", "else"}));
        bodies.push_back(std::move(block));
    } while (word("elif"));
    adopt_all(*branch, branch->body, std::move(bodies));
    if (take_word("else"))
        adopt_all(*branch, branch->otherwise, body({"endif"}));
    else
        ++at_, end_tag();
    return branch;
}

// names: targets, or one name and its attribute in `name`
NodePtr Parser::set_statement() {
    NodePtr set = node(Kind::assign);
    ++at_;
    set->names = targets();
    if (set->names.size() == 1 && take_sign(".")) set->name = want_name();
    if (take_sign("=")) {
        NodePtr value = expression();
        if (sign(",")) {
            NodePtr tuple = node(Kind::list);
            adopt(*tuple, std::move(value));
            while (take_sign(",")) adopt(*tuple, expression());
            value = std::move(tuple);
        }
        adopt(*set, std::move(value));
        end_tag();
        return set;
    }
    if (set->names.size() > 1) fail("=");
    set->kind = Kind::capture;  // parts: filters on the placeholder, or nothing
    if (sign("|")) adopt(*set, filters(node(Kind::constant)));
    adopt_all(*set, set->body, body({"endset"}));
    return set;
}

// names: parameters; parts: their defaults, null if there is none
void Parser::parameters(Node& macro) {
    want_sign("(");
    while (!take_sign(")")) {
        macro.names.push_back(want_name());
        adopt(macro, take_sign("=") ? expression() : nullptr);
        if (!sign(")")) want_sign(",");
    }
}

NodePtr Parser::macro_statement() {
    NodePtr macro = node(Kind::macro);
    ++at_;
    macro->name = want_name();
    parameters(*macro);
    const int loops = std::exchange(loops_, 0);
    adopt_all(*macro, macro->body, body({"endmacro"}));
    loops_ = loops;
    return macro;
}

// otherwise: the macro `caller`; parts: the call
NodePtr Parser::call_statement() {
    NodePtr block = node(Kind::call_block);
    ++at_;
    NodePtr caller = node(Kind::macro);
    caller->name = "caller";
    if (sign("(")) parameters(*caller);
    NodePtr call = expression();
    if (call->kind != Kind::call) fail("a call of a macro");
    adopt(*block, std::move(call));
    const int loops = std::exchange(loops_, 0);
    adopt_all(*caller, caller->body, body({"endcall"}));
    loops_ = loops;
    std::vector<NodePtr> one;
    one.push_back(std::move(caller));
    adopt_all(*block, block->otherwise, std::move(one));
    return block;
}

NodePtr Parser::filter_statement() {
    NodePtr block = node(Kind::filter_block);
    ++at_;
    adopt(*block, filters(filter(node(Kind::constant))));
    adopt_all(*block, block->body, body({"endfilter"}));
    return block;
}

NodePtr Parser::with_statement() {
    NodePtr with = node(Kind::with);
    ++at_;
    while (now().kind != TokenKind::tag_end) {
        with->names.push_back(want_name());
        want_sign("=");
        adopt(*with, expression());
        if (!take_sign(",")) break;
    }
    adopt_all(*with, with->body, body({"endwith"}));
    return with;
}

NodePtr parse(std::string_view source, const std::string& subject) {
    Parser parser(tokens_of(source, subject), subject);
    auto root = std::make_unique<Node>();
    root->kind = Kind::block;
    root->body = parser.statements({});
    return root;
}

}  // namespace microtome::jinja
