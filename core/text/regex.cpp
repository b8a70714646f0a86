#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <new>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

// Steps of one match: far above what tokenizer patterns need, which is a few for each byte; others must not take hours.
std::uint32_t most_steps(std::size_t bytes) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(100'000 + 64 * bytes, 1'000'000'000));
}

void append(std::vector<Stretch>& out, std::size_t begin, std::size_t end, bool match) {
    if (match || begin != end) out.push_back({begin, end, match});
}

// What matching needs besides the pattern, once a thread: making it costs more than most matches.
struct Workspace {
    pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
    pcre2_match_context* context = pcre2_match_context_create(nullptr);
    pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, 4 * 1024 * 1024, nullptr);

    Workspace() {
        if (!data || !context || !stack) throw std::bad_alloc();
        pcre2_set_heap_limit(context, 1 << 18);  // KiB
        pcre2_jit_stack_assign(context, nullptr, stack);
    }
    ~Workspace() {
        pcre2_jit_stack_free(stack);
        pcre2_match_context_free(context);
        pcre2_match_data_free(data);
    }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
};

Workspace& workspace() {
    static thread_local Workspace one;
    return one;
}

}  // namespace

struct Regex::Code {
    pcre2_code* code = nullptr;
    ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, std::string subject) : subject_(std::move(subject)) {
    if (pattern.empty()) throw Error(subject_, "a pattern", "an empty one");
    if (pattern.size() > 65536) throw Error(subject_, "a pattern of at most 65536 bytes", std::to_string(pattern.size()));
    require_utf8(pattern, subject_);
    const std::string translated = translate_pattern(pattern, subject_);
    int trouble = 0;
    PCRE2_SIZE where = 0;
    auto code = std::make_shared<Code>();
    // Ruby's ^ and $ stand at every line; its dot leaves out only the newline.
    code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &trouble, &where, nullptr);
    if (!code->code) {
        PCRE2_UCHAR text[160] = {};
        pcre2_get_error_message(trouble, text, sizeof text);
        throw Error(subject_, "a regular expression", std::string(pattern) + " (" + reinterpret_cast<const char*>(text) + ")");
    }
    pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where it can't, the pattern is interpreted
    code_ = std::move(code);
}

// The next match from `from` on, or nothing. Runs the compiled code; a match that its stack can't hold is interpreted.
std::optional<Stretch> Regex::next_match(std::string_view text, std::size_t from) const {
    Workspace& space = workspace();
    const auto run = [&](std::uint32_t options) {
        return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK | options,
                           space.data, space.context);
    };
    int count = run(0);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = run(PCRE2_NO_JIT);
    if (count == PCRE2_ERROR_NOMATCH) return {};
    if (count < 0) throw Error(subject_, "a pattern that matches in reasonable time", "PCRE2's error " + std::to_string(count));
    const PCRE2_SIZE* at = pcre2_get_ovector_pointer(space.data);
    return Stretch{at[0], at[1], true};
}

std::vector<Stretch> Regex::stretches(std::string_view text) const {
    if (text.empty()) return {};
    pcre2_set_match_limit(workspace().context, most_steps(text.size()));
    std::vector<Stretch> out;
    std::size_t done = 0, from = 0;
    bool matched = false;
    while (from <= text.size()) {
        const auto match = next_match(text, from);
        if (!match) break;
        if (match->begin < done || match->end < match->begin)
            throw Error(subject_, "matches in order", "one that begins before the last one ends");
        if (match->begin == match->end && matched && match->end == done) {  // nothing, right after a match: go on one character later
            from += from < text.size() ? code_point(text, from).bytes : 1;
            continue;
        }
        append(out, done, match->begin, false);
        append(out, match->begin, match->end, true);
        done = from = match->end;
        matched = true;
    }
    append(out, done, text.size(), false);
    return out;
}

std::vector<Stretch> stretches_of(std::string_view text, std::string_view wanted) {
    std::vector<Stretch> out;
    std::size_t done = 0;
    for (std::size_t at; (at = text.find(wanted, done)) != std::string_view::npos; done = at + wanted.size()) {
        append(out, done, at, false);
        append(out, at, at + wanted.size(), true);
    }
    append(out, done, text.size(), false);
    return out;
}

std::vector<Stretch> stretches_of(std::string_view text, const std::function<bool(char32_t)>& wanted) {
    std::vector<Stretch> out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        if (wanted(c.value)) {
            append(out, done, i, false);
            append(out, i, i + c.bytes, true);
            done = i + c.bytes;
        }
        i += c.bytes;
    }
    append(out, done, text.size(), false);
    return out;
}

}  // namespace microtome
