// Prompt files: JSONL (one object a line) or CSV with the same columns. Texts are not tokenized here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/json.h"

namespace microtome {

/// A token range [first, last], a substring of the text, or one position (negative counts from the end).
using Span = std::variant<std::pair<int, int>, std::string, int>;

/// `{"text": …}` or `{"ids": […]}`.
struct Prompt {
    std::string text;
    std::vector<std::int64_t> ids;  // given instead of text
    std::string label, group;
    std::map<std::string, Span> spans;
    std::optional<bool> prepend_bos;  // none: the model's own rule
};

/// A clean and a corrupted prompt with the answer(s) and foil(s) the metric reads: texts or ids, one or several.
struct PromptPair {
    std::string id;
    std::string clean, corrupt;
    std::vector<std::int64_t> clean_ids, corrupt_ids;
    std::vector<std::string> answer, foil;
    std::vector<std::int64_t> answer_id, foil_id;
    std::string label, group;
    std::map<std::string, Span> spans;
    std::optional<bool> prepend_bos;
};

Prompt prompt_from_json(const Json& json, const std::string& subject, const std::string& where);
/// A session's prompt may lack the corrupted one (`corrupt_required` false); answers and foils are checked by who needs them.
PromptPair pair_from_json(const Json& json, const std::string& subject, const std::string& where, bool corrupt_required = true);
Json to_json(const Prompt& prompt);
Json to_json(const PromptPair& pair);

/// Reads a .csv file or, with any other ending, JSON lines; errors name file and line.
std::vector<Prompt> read_prompts(const std::filesystem::path& file);
std::vector<PromptPair> read_pairs(const std::filesystem::path& file);
/// The same of a text; `file` is its name in messages.
std::vector<Prompt> parse_prompts(std::string_view text, bool csv, const std::string& file);
std::vector<PromptPair> parse_pairs(std::string_view text, bool csv, const std::string& file);

}  // namespace microtome
