// Oniguruma's syntax → PCRE2's, or an Error where the two can't be made to agree.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/text/regex.h"

namespace microtome {
namespace {

// Unicode's White_Space and \w as lists for a class. PCRE2's own \s takes U+180E too, and its \w leaves out marks.
constexpr std::string_view white_space =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view word = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc})";
constexpr std::string_view hexadecimal = "0-9a-fA-F";

constexpr std::string_view differing_escapes = "CKRXGQEZNOyY";  // another meaning, or none, on the other side

// PCRE2 reads a bare script's name as "used with this script" since 10.40, Oniguruma as "of this script".
constexpr bool names_are_extensions = PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40;

bool is_script(const std::string& name) {
    return u_getPropertyValueEnum(UCHAR_SCRIPT, name.c_str()) != UCHAR_INVALID_CODE;
}

// "(?im-x:" or "(?m)" at the start of `text`.
bool sets_option(std::string_view text, char option) {
    if (!text.starts_with("(?")) return false;
    const std::size_t end = std::min(text.find_first_not_of("-abcdefghijklmnopqrstuvwxyz", 2), text.size());
    return end < text.size() && (text[end] == ':' || text[end] == ')') && text.substr(2, end - 2).find(option) != std::string_view::npos;
}

// "{2,3}", "{2}", "{,3}" or "{2,}" at the start of `text`; empty if it is none.
std::string_view interval(std::string_view text) {
    const std::size_t end = text.find('}');
    if (!text.starts_with('{') || end == std::string_view::npos) return {};
    const std::string_view inside = text.substr(1, end - 1);
    const bool numbers = inside.find_first_not_of("0123456789,") == std::string_view::npos;
    const bool commas = std::count(inside.begin(), inside.end(), ',') <= 1;
    return numbers && commas && inside.find_first_of("0123456789") != std::string_view::npos ? text.substr(0, end + 1) : std::string_view();
}

class Translation {
  public:
    Translation(std::string_view pattern, const std::string& subject) : pattern_(pattern), subject_(subject) {}

    std::string run() {
        while (at_ < pattern_.size()) {
            if (rest().starts_with('\\') && rest().size() > 1)
                escape();
            else if (depth_ > 0)
                in_class();
            else
                outside();
        }
        return std::move(out_);
    }

  private:
    std::string_view rest() const { return pattern_.substr(at_); }
    [[noreturn]] void refuse(const std::string& expected) const { throw Error(subject_, expected, std::string(pattern_)); }

    // What a quantifier that follows applies to begins here.
    void begin_atom() {
        if (depth_ == 0) atom_ = out_.size();
    }

    void escape() {
        begin_atom();
        const char c = pattern_[at_ + 1];
        at_ += 2;
        if (differing_escapes.find(c) != std::string_view::npos)
            throw Error(subject_, "a pattern that Oniguruma and PCRE2 read alike", std::string("\\") + c);
        if (const std::string_view list = list_of(c); !list.empty()) return put_list(c, list);
        out_ += '\\';
        out_ += c;
        if (rest().starts_with('{') && std::string_view("pPxokg").find(c) != std::string_view::npos) braces(c == 'p' || c == 'P');
        while (c == 'x' && at_ < pattern_.size() && hexadecimal_digit(pattern_[at_])) out_ += pattern_[at_++];
    }

    static bool hexadecimal_digit(char c) { return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos; }

    static std::string_view list_of(char c) {
        if (c == 's' || c == 'S') return white_space;
        if (c == 'w' || c == 'W') return word;
        if (c == 'h' || c == 'H') return hexadecimal;
        return {};
    }

    void put_list(char c, std::string_view list) {
        const bool negated = c < 'a';
        if (depth_ == 0)
            out_ += (negated ? "[^" : "[") + std::string(list) + "]";
        else if (!negated)
            out_ += list;
        else if (c == 'S')
            out_ += "\\S";  // NOTE: within a class U+180E counts as white space here
        else
            throw Error(subject_, "a pattern without negated classes inside a class", std::string("\\") + c);
    }

    // The "{…}" of \p{…} and the like.
    void braces(bool property) {
        const std::size_t size = std::min(rest().find('}'), rest().size() - 1) + 1;
        const std::string_view inside = rest().substr(1, size < 2 ? 0 : size - 2);
        const bool negated = inside.starts_with('^');
        const std::string name(inside.substr(negated ? 1 : 0));
        if (property && names_are_extensions && is_script(name))
            out_ += (negated ? "{^sc:" : "{sc:") + name + "}";
        else
            out_ += rest().substr(0, size);
        at_ += size;
    }

    // PCRE2 knows no class inside another; their union is the members side by side.
    void in_class() {
        const char c = pattern_[at_];
        if (rest().starts_with("[^") || rest().starts_with("[:")) refuse("a pattern without negated or named classes inside a class");
        if (rest().starts_with("&&")) refuse("a pattern without intersections of classes");
        ++at_;
        if (c == '[') {
            ++depth_;
            return;
        }
        if (c == ']' && at_ - 1 != class_from_ && --depth_ > 0) return;
        out_ += c;
    }

    void outside() {
        if (sets_option(rest(), 'm')) refuse("a pattern without the option m (its meaning differs)");
        if (rest().starts_with("(*")) refuse("a pattern without PCRE2's verbs");
        if (const std::string_view repeat = interval(rest()); !repeat.empty()) return put_interval(repeat);
        const char c = pattern_[at_];
        if (c == '(') groups_.push_back(out_.size());
        if (c == ')' && !groups_.empty()) {
            atom_ = groups_.back();
            groups_.pop_back();
        } else if ((c & 0xc0) != 0x80 && std::string_view("*+?").find(c) == std::string_view::npos) {
            begin_atom();
        }
        if (c == '[') {
            depth_ = 1;
            class_from_ = at_ + (rest().starts_with("[^") ? 2 : 1);
        }
        out_ += c;
        ++at_;
    }

    // Oniguruma: a{,2} is a{0,2}; a{2,3}+ is (?:a{2,3})+, not possessive; a{2}? is (?:a{2})?.
    void put_interval(std::string_view repeat) {
        at_ += repeat.size();
        const bool exact = repeat.find(',') == std::string_view::npos;
        const bool wraps = rest().starts_with('+') || (exact && rest().starts_with('?'));
        if (wraps) out_.insert(atom_, "(?:");
        out_ += repeat.starts_with("{,") ? "{0" + std::string(repeat.substr(1)) : std::string(repeat);
        if (wraps) out_ += ')';
    }

    std::string_view pattern_;
    const std::string& subject_;
    std::string out_;
    std::size_t at_ = 0, atom_ = 0, class_from_ = 0;  // class_from_: where the outer class's first member stands
    int depth_ = 0;                                   // of classes
    std::vector<std::size_t> groups_;                 // where the open ones begin in out_
};

}  // namespace

std::string translate_pattern(std::string_view pattern, const std::string& subject) {
    return Translation(pattern, subject).run();
}

}  // namespace microtome
