// The text form of a place in the model: a printer and its inverse.
#include <cctype>
#include <charconv>

#include "core/base/error.h"
#include "widgets/selection.h"

namespace microtome {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

/// A cursor over the text.
class Parser {
  public:
    explicit Parser(const std::string& text) : text_(text) {}

    NodeRef parse() {
        NodeRef ref;
        if (take("clean/"))
            ref.side = Side::clean;
        else if (take("corrupt/"))
            ref.side = Side::corrupt;
        bool first = true;
        while (at_ < text_.size() && text_[at_] != '@') {
            if (!first && !take(".")) fail("'.' or '@'");
            part(ref);
            first = false;
        }
        if (take("@")) ref.position = number("a position");
        if (ref.position >= 0 && (take("←") || take("<-"))) ref.source = number("a source position");
        if (at_ != text_.size()) fail("the end");
        return ref;
    }

  private:
    bool take(const std::string& word) {
        if (text_.compare(at_, word.size(), word) != 0) return false;
        at_ += word.size();
        return true;
    }

    [[noreturn]] void fail(const std::string& expected) const {
        throw Error("place '" + text_ + "'", expected + " at character " + std::to_string(at_ + 1),
                    at_ < text_.size() ? "'" + text_.substr(at_) + "'" : "the end");
    }

    int number(const std::string& what) {
        int value = -1;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (error != std::errc() || value < 0) fail(what);
        at_ = static_cast<std::size_t>(end - text_.data());
        return value;
    }

    bool numbered(char letter, int& into, const char* what) {
        if (text_[at_] != letter || at_ + 1 >= text_.size() || !std::isdigit(static_cast<unsigned char>(text_[at_ + 1]))) return false;
        if (into >= 0) fail("one " + std::string(what) + " only");
        ++at_;
        into = number(what);
        return true;
    }

    void part(NodeRef& ref) {
        if (at_ >= text_.size()) fail("a layer, head, site, neuron or feature");
        if (numbered('L', ref.layer, "layer") || numbered('H', ref.head, "head") || numbered('n', ref.unit, "neuron") ||
            numbered('f', ref.feature, "feature"))
            return;
        if (!ref.token && take("logit:'")) {
            ref.token = until_quote();
            return;
        }
        const std::size_t end = std::min(text_.find_first_of(".@", at_), text_.size());
        if (!ref.site.empty() || end == at_) fail("a layer, head, site, neuron or feature");
        ref.site = text_.substr(at_, end - at_);
        at_ = end;
    }

    std::string until_quote() {
        std::string out;
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\'') return ++at_, out;
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
            out += text_[at_];
        }
        fail("a closing quote");
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string to_string(const NodeRef& ref) {
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ".") + part; };
    if (ref.layer >= 0) add("L" + std::to_string(ref.layer));
    if (ref.head >= 0) add("H" + std::to_string(ref.head));
    if (!ref.site.empty()) add(ref.site);
    if (ref.unit >= 0) add("n" + std::to_string(ref.unit));
    if (ref.feature >= 0) add("f" + std::to_string(ref.feature));
    if (ref.token) add("logit:" + quoted(*ref.token));
    if (ref.position >= 0) out += "@" + std::to_string(ref.position);
    if (ref.position >= 0 && ref.source >= 0) out += "←" + std::to_string(ref.source);
    const char* side = ref.side == Side::clean ? "clean/" : ref.side == Side::corrupt ? "corrupt/" : "";
    return side + out;
}

NodeRef parse_node_ref(const std::string& text) {
    return Parser(text).parse();
}

}  // namespace microtome
