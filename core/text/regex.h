// Patterns of tokenizer files: written for Oniguruma (Ruby syntax), run by PCRE2 after translating what the two read differently.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace microtome {

/// A stretch of text and whether the pattern matched it.
struct Stretch {
    std::size_t begin = 0, end = 0;
    bool match = false;
};

class Regex {
  public:
    /// An Error beginning with `subject` if the pattern can't be read, or means something else to Oniguruma than it would here.
    Regex(std::string_view pattern, std::string subject);

    /// Matches and what lies between, covering `text` (valid UTF-8) in order. An Error if matching takes too many steps.
    std::vector<Stretch> stretches(std::string_view text) const;

  private:
    std::optional<Stretch> next_match(std::string_view text, std::size_t from) const;

    struct Code;
    std::shared_ptr<const Code> code_;
    std::string subject_;
};

/// The same for a fixed, non-empty string and for single characters.
std::vector<Stretch> stretches_of(std::string_view text, std::string_view wanted);
std::vector<Stretch> stretches_of(std::string_view text, const std::function<bool(char32_t)>& wanted);

/// Oniguruma's syntax → PCRE2's (exposed for its test).
std::string translate_pattern(std::string_view pattern, const std::string& subject);

}  // namespace microtome
