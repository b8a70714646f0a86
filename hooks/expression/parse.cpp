// Recursive descent over the text of a metric expression.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/base/near.h"
#include "hooks/expression/metric_expression.h"

namespace microtome {
namespace {

using Kind = MetricNode::Kind;

constexpr std::size_t longest = 10'000, most_nodes = 1'000;
constexpr int deepest = 100;
constexpr std::int64_t largest_id = std::int64_t{1} << 31, furthest = 1 << 24;

const std::vector<std::string> functions{"logit", "prob", "logprob", "logsumexp", "rank", "kl", "mean"};

bool word_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

class Parser {
  public:
    Parser(std::string_view text, const std::string& subject) : text_(text), subject_(subject) {}

    MetricExpression parse() {
        if (text_.size() > longest) throw Error(subject_, "at most " + std::to_string(longest) + " bytes", std::to_string(text_.size()));
        out_.root = expression();
        skip();
        if (at_ < text_.size()) refuse("+ - * / or the end");
        bool reads = false;
        for (Kind kind : {Kind::logit, Kind::prob, Kind::logprob, Kind::logsumexp, Kind::rank, Kind::kl}) reads = reads || out_.uses(kind);
        if (!reads)
            throw Error(subject_, "an expression that reads the logits: logit(answer) - logit(foil)", "\"" + std::string(text_) + "\"");
        return std::move(out_);
    }

  private:
    [[noreturn]] void refuse(const std::string& expected, std::size_t column) const {
        std::size_t end = column;
        while (end < text_.size() && word_character(text_[end])) ++end;
        std::string got(text_.substr(column, std::max<std::size_t>(end - column, 1)));
        throw Error(subject_ + ", column " + std::to_string(column + 1), expected, column < text_.size() ? "\"" + got + "\"" : "the end");
    }
    [[noreturn]] void refuse(const std::string& expected) const { refuse(expected, at_); }

    void skip() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
    }
    bool take(char c) {
        skip();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void need(char c, const char* expected) {
        if (!take(c)) refuse(expected);
    }
    std::string word() {
        skip();
        std::size_t start = at_;
        while (at_ < text_.size() && word_character(text_[at_])) ++at_;
        return std::string(text_.substr(start, at_ - start));
    }

    MetricNode node(Kind kind, std::vector<MetricNode> parts = {}) {
        if (++nodes_ > most_nodes) refuse("at most " + std::to_string(most_nodes) + " parts");
        MetricNode made;
        made.kind = kind;
        made.parts = std::move(parts);
        return made;
    }

    MetricNode binary(Kind kind, MetricNode left, MetricNode right) {
        std::vector<MetricNode> parts;
        parts.push_back(std::move(left));
        parts.push_back(std::move(right));
        return node(kind, std::move(parts));
    }

    MetricNode expression() {
        MetricNode left = term();
        for (;;) {
            if (take('+'))
                left = binary(Kind::add, std::move(left), term());
            else if (take('-'))
                left = binary(Kind::subtract, std::move(left), term());
            else
                return left;
        }
    }

    MetricNode term() {
        MetricNode left = sign();
        for (;;) {
            if (take('*'))
                left = binary(Kind::multiply, std::move(left), sign());
            else if (take('/'))
                left = binary(Kind::divide, std::move(left), sign());
            else
                return left;
        }
    }

    MetricNode sign() {
        if (depth_ >= deepest) refuse("at most " + std::to_string(deepest) + " levels");
        ++depth_;
        MetricNode made;
        if (take('-')) {
            std::vector<MetricNode> parts;
            parts.push_back(sign());
            made = node(Kind::negate, std::move(parts));
        } else if (take('(')) {
            made = expression();
            need(')', ")");
        } else {
            skip();
            bool digit = at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.');
            made = digit ? number() : call();
        }
        --depth_;
        return made;
    }

    MetricNode number() {
        MetricNode made = node(Kind::number);
        auto [end, failed] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), made.number);
        if (failed != std::errc() || !std::isfinite(made.number)) refuse("a number");
        at_ = static_cast<std::size_t>(end - text_.data());
        return made;
    }

    MetricNode call() {
        skip();
        std::size_t start = at_;
        std::string name = word();
        static constexpr std::array kinds{Kind::logit, Kind::prob, Kind::logprob, Kind::logsumexp, Kind::rank, Kind::kl, Kind::mean};
        auto found = std::find(functions.begin(), functions.end(), name);
        if (found == functions.end()) {
            std::string near = name.empty() ? "" : with_suggestion(name, functions);
            if (near.find("did you mean") == std::string::npos) refuse("a number, ( or one of " + joined(functions), start);
            throw Error(subject_ + ", column " + std::to_string(start + 1), "one of " + joined(functions), near);
        }
        MetricNode made = node(kinds[static_cast<std::size_t>(found - functions.begin())]);
        need('(', "(");
        if (made.kind == Kind::mean)
            arguments(made);
        else if (made.kind == Kind::kl)
            made.place = peek(')') ? keep({}) : position();
        else
            reading(made);
        need(')', made.kind == Kind::mean || made.kind == Kind::kl ? ")" : ", or )");
        return made;
    }

    bool peek(char c) {
        skip();
        return at_ < text_.size() && text_[at_] == c;
    }

    void arguments(MetricNode& made) {
        do {
            made.parts.push_back(expression());
        } while (take(','));
    }

    void reading(MetricNode& made) {
        if (made.kind == Kind::logsumexp && peek(')'))
            made.tokens = {{TokenRef::Kind::all, "", 0}};
        else
            tokens(made);
        made.place = take(',') ? position() : keep({});
    }

    void tokens(MetricNode& made) {
        if (!take('[')) {
            made.tokens.push_back(token());
            return;
        }
        do {
            if (++nodes_ > most_nodes) refuse("at most " + std::to_string(most_nodes) + " parts");
            skip();
            std::size_t start = at_;
            made.tokens.push_back(token());
            if (made.tokens.back().kind == TokenRef::Kind::all) refuse("tokens, not all of them, in a list", start);
        } while (take(','));
        need(']', ", or ]");
    }

    TokenRef token() {
        skip();
        if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) return {TokenRef::Kind::text, quoted(), 0};
        std::size_t start = at_;
        std::string name = word();
        if (name == "answer") return {TokenRef::Kind::answer, "", 0};
        if (name == "foil") return {TokenRef::Kind::foil, "", 0};
        if (name == "all") return {TokenRef::Kind::all, "", 0};
        std::int64_t id = 0;
        auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), id);
        if (name.empty() || failed != std::errc() || end != name.data() + name.size() || id > largest_id)
            refuse("answer, foil, all, a token id or a quoted word", start);
        return {TokenRef::Kind::id, "", id};
    }

    std::string quoted() {
        std::size_t start = at_;
        char mark = text_[at_++];
        std::string out;
        for (; at_ < text_.size() && text_[at_] != mark; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
            out += text_[at_];
        }
        if (at_ >= text_.size()) refuse("a word that ends with its quotation mark", start);
        ++at_;
        if (out.empty()) refuse("a word", start);
        return out;
    }

    std::size_t position() {
        skip();
        std::size_t start = at_;
        bool minus = take('-');
        std::string name = word();
        if (!minus && name == "last") return keep({});
        if (!minus && name == "all") return keep({PlaceRef::Kind::all, 0, ""});
        if (!minus && name == "role" && take(':')) return keep({PlaceRef::Kind::role, 0, role()});
        std::int64_t index = 0;
        auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), index);
        if (name.empty() || failed != std::errc() || end != name.data() + name.size() || index > furthest || (minus && index == 0))
            refuse("a position: last, all, a number, or role:NAME", start);
        if (minus && index == 1) return keep({});
        return keep({PlaceRef::Kind::index, minus ? -index : index, ""});
    }

    std::string role() {
        skip();
        std::size_t start = at_;
        while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ')' && text_[at_] != '(') ++at_;
        std::string name(text_.substr(start, at_ - start));
        while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back()))) name.pop_back();
        if (name.empty()) refuse("the name of a role", start);
        return name;
    }

    std::size_t keep(PlaceRef place) {
        auto found = std::find(out_.places.begin(), out_.places.end(), place);
        if (found != out_.places.end()) return static_cast<std::size_t>(found - out_.places.begin());
        out_.places.push_back(std::move(place));
        return out_.places.size() - 1;
    }

    std::string_view text_;
    const std::string& subject_;
    std::size_t at_ = 0, nodes_ = 0;
    int depth_ = 0;
    MetricExpression out_;
};

}  // namespace

MetricExpression parse_metric_expression(std::string_view text, const std::string& subject) {
    return Parser(text, subject).parse();
}

}  // namespace microtome
