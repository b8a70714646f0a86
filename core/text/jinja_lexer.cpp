// Text into tokens, with Jinja's rules of white space: "{%-" and "-%}" take it all, a tag takes the newline after it (trim_blocks) and
// the blanks before it on its line (lstrip_blocks), "+" keeps them.
#include <algorithm>

#include "core/base/error.h"
#include "core/text/jinja_nodes.h"
#include "core/text/utf8.h"

namespace microtome::jinja {
namespace {

constexpr std::size_t most_tokens = 200'000;

bool starts_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
    return c >= '0' && c <= '9';
}

class Lexer {
  public:
    Lexer(std::string_view source, const std::string& subject) : subject_(subject) {
        for (std::size_t i = 0; i < source.size(); ++i) {  // newlines as Jinja makes them
            if (source[i] == '\r') {
                text_ += '\n';
                if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
            } else {
                text_ += source[i];
            }
        }
        if (text_.ends_with('\n')) text_.pop_back();
    }

    std::vector<Token> run() {
        while (at_ < text_.size()) {
            const std::size_t tag = next_tag();
            const std::size_t from = at_;
            at_ = tag;
            if (tag == text_.size()) {
                put(TokenKind::data, text_.substr(from));
                break;
            }
            const char kind = text_[tag + 1];
            std::string_view data = std::string_view(text_).substr(from, tag - from);
            put(TokenKind::data, std::string(before_tag(data, kind)));
            line_ += static_cast<int>(std::count(data.begin(), data.end(), '\n'));
            at_ = tag + 2;
            if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
            kind == '#' ? comment() : kind == '{' ? inside(TokenKind::print_begin, "}}") : block();
        }
        put(TokenKind::end, "");
        return std::move(tokens_);
    }

  private:
    [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
        throw Error(subject_ + ":" + std::to_string(line_), expected, got);
    }

    void put(TokenKind kind, std::string text) {
        if (kind == TokenKind::data && text.empty()) return;
        if (tokens_.size() >= most_tokens) fail("a template of at most 200000 words", "a longer one");
        tokens_.push_back({kind, std::move(text), line_});
    }

    std::size_t next_tag() const {
        for (std::size_t i = at_; i + 1 < text_.size(); ++i)
            if (text_[i] == '{' && (text_[i + 1] == '{' || text_[i + 1] == '%' || text_[i + 1] == '#')) return i;
        return text_.size();
    }

    // What stays of the text before a tag, which stands at at_.
    std::string_view before_tag(std::string_view data, char kind) const {
        const char mark = at_ + 2 < text_.size() ? text_[at_ + 2] : ' ';
        if (mark == '-') return stripped(data, false, true);
        if (kind == '{' || mark == '+') return data;
        const std::size_t newline = data.rfind('\n');
        if (newline == std::string_view::npos && !line_start_) return data;
        const std::size_t from = newline == std::string_view::npos ? 0 : newline + 1;
        return stripped(data.substr(from), true, true).empty() ? data.substr(0, from) : data;
    }

    void skip(std::size_t count) {
        line_ += static_cast<int>(
            std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_), text_.begin() + static_cast<std::ptrdiff_t>(at_ + count), '\n'));
        at_ += count;
    }

    // Past "-%}" and all white space, "+%}", or "%}" and a newline; at_ stands at its first character.
    void close(std::string_view mark, bool trims) {
        const char first = text_[at_];
        const bool strips = first == '-';
        at_ += mark.size() + (first == '-' || first == '+' ? 1 : 0);
        const std::size_t before = at_;
        if (strips) {
            const std::string_view rest = std::string_view(text_).substr(at_);
            skip(rest.size() - stripped(rest, true, false).size());
        } else if (trims && first != '+' && at_ < text_.size() && text_[at_] == '\n') {
            skip(1);
        }
        line_start_ = at_ > before && text_[at_ - 1] == '\n';
    }

    // Whether `mark`, with - or + before it, stands here.
    bool closes(std::string_view mark, bool plus) const {
        const std::string_view rest = std::string_view(text_).substr(at_);
        return rest.starts_with(mark) || ((rest.starts_with('-') || (plus && rest.starts_with('+'))) && rest.substr(1).starts_with(mark));
    }

    void comment() {
        const std::size_t end = text_.find("#}", at_);
        if (end == std::string::npos) fail("#} after a comment", "the end of the template");
        skip(end - at_);
        if (at_ > 0 && (text_[at_ - 1] == '-' || text_[at_ - 1] == '+')) --at_;
        close("#}", true);
    }

    void block() {
        const std::size_t from = at_;
        const std::string_view rest = stripped(std::string_view(text_).substr(at_), true, false);
        if (rest.starts_with("raw") && (rest.size() < 4 || !(starts_name(rest[3]) || digit(rest[3])))) {
            at_ = text_.size() - rest.size() + 3;
            const std::string_view after = stripped(std::string_view(text_).substr(at_), true, false);
            at_ = text_.size() - after.size();
            if (closes("%}", false)) return raw();
            at_ = from;
        }
        inside(TokenKind::tag_begin, "%}");
    }

    // NOTE: unlike other tags, {% raw %} does not take the newline after it.
    void raw() {
        close("%}", false);
        for (std::size_t i = at_; (i = text_.find("{%", i)) != std::string::npos; ++i) {
            std::size_t end = i + 2;
            const char mark = end < text_.size() ? text_[end] : ' ';
            if (mark == '-' || mark == '+') ++end;
            std::string_view rest = stripped(std::string_view(text_).substr(end), true, false);
            if (!rest.starts_with("endraw")) continue;
            rest = stripped(rest.substr(6), true, false);
            std::string_view data = std::string_view(text_).substr(at_, i - at_);
            const std::size_t here = std::exchange(at_, i);
            put(TokenKind::data, std::string(before_tag(data, '%')));
            at_ = here;
            skip(text_.size() - rest.size() - at_);
            if (!closes("%}", true)) fail("%} after endraw", "something else");
            return close("%}", true);
        }
        fail("{% endraw %}", "the end of the template");
    }

    void inside(TokenKind begin, std::string_view mark) {
        put(begin, "");
        std::string open;  // brackets
        while (true) {
            while (at_ < text_.size() && is_python_space(code_point(text_, at_).value)) skip(code_point(text_, at_).bytes);
            if (at_ == text_.size()) fail(std::string(mark), "the end of the template");
            if (open.empty() && closes(mark, mark == "%}")) break;
            const char c = text_[at_];
            if (starts_name(c))
                name();
            else if (digit(c))
                number();
            else if (c == '"' || c == '\'')
                string(c);
            else
                sign(open);
        }
        put(begin == TokenKind::tag_begin ? TokenKind::tag_end : TokenKind::print_end, "");
        close(mark, mark == "%}");
    }

    void name() {
        std::size_t end = at_;
        while (end < text_.size() && (starts_name(text_[end]) || digit(text_[end]))) ++end;
        put(TokenKind::name, text_.substr(at_, end - at_));
        at_ = end;
    }

    void number() {
        std::size_t end = at_;
        std::string digits;
        bool real = false;
        for (; end < text_.size(); ++end) {
            const char c = text_[end], next = end + 1 < text_.size() ? text_[end + 1] : ' ';
            const bool point = c == '.' && !real && digit(next);
            const bool exponent = (c == 'e' || c == 'E') && digits.find('e') == std::string::npos &&
                                  (digit(next) || ((next == '+' || next == '-') && end + 2 < text_.size() && digit(text_[end + 2])));
            if (point || exponent) real = true;
            if (digit(c) || point) {
                digits += c;
            } else if (exponent) {
                digits += 'e';
                if (!digit(next)) digits += text_[++end];
            } else if (!(c == '_' && digit(next))) {
                break;
            }
        }
        put(real ? TokenKind::real : TokenKind::integer, digits);
        at_ = end;
    }

    void string(char quote) {
        std::string out;
        const int line = line_;
        std::size_t i = at_ + 1;
        while (i < text_.size() && text_[i] != quote) i = text_[i] == '\\' ? escape(i + 1, out) : (out += text_[i], i + 1);
        if (i >= text_.size()) fail(std::string("a closing ") + quote, "the end of the template");
        tokens_.reserve(tokens_.size() + 1);
        put(TokenKind::text, std::move(out));
        tokens_.back().line = line;
        skip(i + 1 - at_);
    }

    // Python's escapes; `at`: after the backslash. Gives what follows.
    std::size_t escape(std::size_t at, std::string& out) const {
        if (at >= text_.size()) return at;
        const char c = text_[at];
        constexpr std::string_view from = "ntrabfv\\'\"", to = "\n\t\r\a\b\f\v\\'\"";
        if (const std::size_t known = from.find(c); known != std::string_view::npos) {
            out += to[known];
            return at + 1;
        }
        if (c == '\n') return at + 1;
        const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        const std::string code = text_.substr(at + 1, digits);
        if (digits == 0 || code.size() < digits || code.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
            out += '\\';
            return at;
        }
        const unsigned long value = std::stoul(code, nullptr, 16);
        if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) fail("a character's code", "\\" + text_.substr(at, digits + 1));
        append_utf8(out, static_cast<char32_t>(value));
        return at + 1 + digits;
    }

    void sign(std::string& open) {
        const std::string_view rest = std::string_view(text_).substr(at_);
        std::string_view found = rest.substr(0, 1);
        for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"})
            if (rest.starts_with(two)) found = two;
        if (std::string_view("+-*/%~<>=.,:|()[]{}!").find(found[0]) == std::string_view::npos || found == "!")
            fail("a word or a sign", "\"" + readable(rest.substr(0, code_point(rest, 0).bytes)) + "\"");
        const std::string_view opening = "([{", closing = ")]}";
        if (opening.find(found) != std::string_view::npos) open += closing[opening.find(found)];
        if (closing.find(found) != std::string_view::npos) {
            if (!open.ends_with(found)) fail(open.empty() ? "no closing bracket" : open.substr(open.size() - 1), std::string(found));
            open.pop_back();
        }
        put(TokenKind::sign, std::string(found));
        at_ += found.size();
    }

    const std::string& subject_;
    std::string text_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int line_ = 1;
    bool line_start_ = true;  // nothing of this line is before at_
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source, const std::string& subject) {
    return Lexer(source, subject).run();
}

}  // namespace microtome::jinja
