// Inside analyses/query: the words of an expression.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace microtome::query {

struct Word {
    enum Kind { end, number, name, string, sign } kind = end;
    std::string text;  // of a string: what it stands for
    double value = 0;
    std::size_t column = 1;
    bool is(std::string_view sign_or_name) const { return (kind == sign || kind == name) && text == sign_or_name; }
    /// For messages.
    std::string shown() const;
};

/// The last one is `end`. An Error for characters that begin no word, and texts above 10,000 bytes.
std::vector<Word> words_of(std::string_view text);

/// "L3H1.pattern" and "L3.H1.pattern" as "L3.pattern" and 1; names without a head as they are, and -1. The sites mlp_pre and mlp_post are
/// called as the field calls them, too.
std::pair<std::string, int> activation_name(const std::string& name);

}  // namespace microtome::query
