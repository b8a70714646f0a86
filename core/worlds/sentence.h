// Sentences made from forms: texts with slots, such as "when {A} and {B} went to the {place} , {S} gave a {object} to {answer} .".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/worlds/rng.h"

namespace microtome {

/// Which part of the language: what is trained, or what training never shows.
enum class Split { train, held_out };

using Words = std::vector<std::string>;

/// Splits at spaces.
Words split_words(std::string_view text);
std::string join_words(const Words& words);

/// A whole sentence, the answer included. `roles` are word ranges [first, last], counted from the first word (no BOS).
struct Sentence {
    Words words;
    int answer_at = -1;
    std::map<std::string, std::pair<int, int>> roles;
    Words answers, foils;
    std::string kind;

    /// The words before the answer.
    Words prompt() const { return {words.begin(), words.begin() + answer_at}; }
};

using Slots = std::vector<std::pair<std::string_view, std::string_view>>;

/// Puts the values into the form's slots. Each slot becomes a role (its first occurrence); `{answer}` sets `answer_at`.
Sentence fill_form(std::string_view form, const Slots& slots);

/// All combinations of one option from each part. `percent` of the combinations are held out, and so is each
/// combination with an option that begins with '~' or '^' (the mark is not part of the text). Those with '^' are never
/// sampled: no suite asks for them.
class FormSet {
  public:
    FormSet(std::string task, std::vector<Words> parts, std::uint64_t seed, int percent);

    std::size_t size() const { return size_; }
    std::string text(std::size_t form) const;
    bool held_out(std::size_t form) const { return held_out_[form]; }
    std::size_t sample(Rng& rng, Split split) const;

  private:
    std::string raw(std::size_t form) const;

    std::string task_;
    std::vector<Words> parts_;
    std::size_t size_ = 1;
    std::vector<bool> held_out_;
};

}  // namespace microtome
