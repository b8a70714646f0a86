// Chat templates: the part of Jinja that models' tokenizer_config.json use, evaluated without reach to files, programs or network, and
// within bounds of steps, memory and nesting. Whitespace as transformers sets it (trim_blocks, lstrip_blocks).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace microtome {

namespace jinja {
struct Node;
}

/// What strftime_now sees.
struct Date {
    int year = 2025, month = 1, day = 1;  // month and day count from 1
    int hour = 0, minute = 0, second = 0;
};
Date today();
/// "2024-07-26"; an Error beginning with `subject` if it is none.
Date read_date(const std::string& text, const std::string& subject);

struct JinjaLimits {
    std::int64_t work = std::int64_t{1} << 27;  // steps, and bytes and list items made
    std::size_t output = std::size_t{1} << 24;  // bytes
};

class JinjaTemplate {
  public:
    /// An Error "subject:LINE: expected …, got …" if `source` can't be read, or uses what is not supported.
    JinjaTemplate(std::string_view source, std::string subject);
    ~JinjaTemplate();
    JinjaTemplate(JinjaTemplate&&) noexcept;
    JinjaTemplate& operator=(JinjaTemplate&&) noexcept;

    /// `variables`: an object. What the template raises, and what it does wrong, is an Error that names its line.
    std::string render(const Json& variables, const Date& date = {}, const JinjaLimits& limits = {}) const;

  private:
    std::string subject_;
    std::unique_ptr<jinja::Node> root_;
};

}  // namespace microtome
