#include "analyses/query/tokens.h"

#include <charconv>

#include "analyses/query/expression.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace microtome::query {
namespace {

constexpr std::size_t longest = 10'000;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Word next() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
        Word word;
        word.column = at_ + 1;
        if (at_ == text_.size()) return word;
        const char c = text_[at_];
        if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number(word);
        if (c == '"' || c == '\'') return string(word, c);
        if (in_name(c)) return name(word);
        return sign(word);
    }

  private:
    Word number(Word word) {
        word.kind = Word::number;
        const auto [stop, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), word.value);
        const std::size_t end = static_cast<std::size_t>(stop - text_.data());
        word.text = text_.substr(at_, end - at_);
        if (error != std::errc() || (end < text_.size() && (in_name(text_[end]) || text_[end] == '.')))
            throw Error(at_column(word.column), "a number", std::string(text_.substr(at_, end - at_ + 1)));
        at_ = end;
        return word;
    }

    // A backslash takes the next character as it is; \n and \t are line end and tabulator.
    Word string(Word word, char quote) {
        word.kind = Word::string;
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
                word.text += text_[at_];
                continue;
            }
            const char c = text_[++at_];
            word.text += c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        if (at_ == text_.size()) throw Error(at_column(word.column), "a text that ends with its quote", "none");
        ++at_;
        return word;
    }

    // Names may hold dots: L3H1.pattern, blocks.3.attn.hook_z.
    Word name(Word word) {
        word.kind = Word::name;
        const std::size_t begin = at_;
        while (at_ < text_.size() && (in_name(text_[at_]) || (text_[at_] == '.' && at_ + 1 < text_.size() && in_name(text_[at_ + 1]))))
            ++at_;
        word.text = text_.substr(begin, at_ - begin);
        return word;
    }

    Word sign(Word word) {
        word.kind = Word::sign;
        for (std::string_view known : {"<=", ">=", "!=", "==", "<", ">", "=", "+", "-", "*", "/", "(", ")", "[", "]", ","}) {
            if (text_.substr(at_, known.size()) != known) continue;
            at_ += known.size();
            word.text = known == "==" ? "=" : known;
            return word;
        }
        std::size_t size = 1;  // a whole character of UTF-8 in the message
        while (at_ + size < text_.size() && (static_cast<unsigned char>(text_[at_ + size]) & 0xc0) == 0x80) ++size;
        throw Error(at_column(word.column), "a number, a name, a sign or a text in quotes", std::string(text_.substr(at_, size)));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

std::pair<std::string, int> without_head(const std::string& name) {
    std::size_t at = 1;
    const auto digits = [&] {
        const std::size_t begin = at;
        while (at < name.size() && name[at] >= '0' && name[at] <= '9') ++at;
        return at > begin;
    };
    if (name.empty() || name[0] != 'L' || !digits()) return {name, -1};
    const std::string layer = name.substr(0, at);
    if (name.compare(at, 2, ".H") == 0) ++at;
    if (at >= name.size() || name[at] != 'H') return {name, -1};
    const std::size_t begin = ++at;
    int head = -1;
    if (!digits() || std::from_chars(name.data() + begin, name.data() + at, head).ec != std::errc()) return {name, -1};
    return {layer + name.substr(at), head};
}

}  // namespace

std::pair<std::string, int> activation_name(const std::string& name) {
    auto [site, head] = without_head(name);
    for (const auto& [said, meant] : {std::pair<std::string, std::string>{".mlp_post", ".post"}, {".mlp_pre", ".pre"}})
        if (site.starts_with("L") && site.ends_with(said)) site.replace(site.size() - said.size(), said.size(), meant);
    return {site, head};
}

std::string Word::shown() const {
    if (kind == end) return "the end";
    return kind == string ? Json(text).dump(-1, ' ', false, Json::error_handler_t::replace) : "\"" + text + "\"";
}

std::vector<Word> words_of(std::string_view text) {
    if (text.size() > longest) throw Error("expression", "at most 10000 bytes", std::to_string(text.size()));
    std::vector<Word> words;
    Reader reader(text);
    do words.push_back(reader.next());
    while (words.back().kind != Word::end);
    return words;
}

}  // namespace microtome::query
