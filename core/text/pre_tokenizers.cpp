#include "core/text/byte_level.h"
#include "core/text/step_json.h"
#include "core/text/steps.h"

namespace microtome {
namespace {

using steps::Splitter;

// openai/gpt-2, encoder.py; the file format says only "use_regex".
constexpr std::string_view gpt2_pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Behavior read_behavior(JsonReader& reader) {
    const std::string name = reader.string("behavior", "Isolated");
    if (name == "Removed") return Behavior::removed;
    if (name == "Isolated") return Behavior::isolated;
    if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
    if (name == "MergedWithNext") return Behavior::merged_with_next;
    if (name == "Contiguous") return Behavior::contiguous;
    throw Error(reader.pointer("behavior"), "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", "\"" + name + "\"");
}

// Joins stretches as `behavior` says; the flag `match` then means "to be removed".
std::vector<Stretch> arrange(std::vector<Stretch> in, Behavior behavior) {
    if (behavior == Behavior::removed) return in;
    const bool backwards = behavior == Behavior::merged_with_next;
    if (backwards) std::reverse(in.begin(), in.end());
    std::vector<Stretch> out;
    bool before = false;
    for (const Stretch& s : in) {
        const bool join = behavior == Behavior::contiguous ? s.match == before : behavior != Behavior::isolated && s.match && !before;
        before = s.match;
        if (!join || out.empty())
            out.push_back({s.begin, s.end, false});
        else if (backwards)
            out.back().begin = s.begin;
        else
            out.back().end = s.end;
    }
    if (backwards) std::reverse(out.begin(), out.end());
    return out;
}

void split(std::vector<Piece>& pieces, const Splitter& pattern, Behavior behavior, bool invert = false) {
    std::vector<Piece> out;
    for (Piece& piece : pieces) {
        if (piece.token) {
            out.push_back(std::move(piece));
            continue;
        }
        std::vector<Stretch> stretches = pattern(piece.text);
        if (invert)
            for (Stretch& s : stretches) s.match = !s.match;
        for (const Stretch& s : arrange(std::move(stretches), behavior))
            if (!s.match && s.begin != s.end)
                out.push_back({piece.text.substr(s.begin, s.end - s.begin), piece.at_start && s.begin == 0, {}});
    }
    pieces = std::move(out);
}

template <typename Class>
Splitter characters(Class wanted) {
    return [wanted](std::string_view text) { return stretches_of(text, std::function<bool(char32_t)>(wanted)); };
}

// Runs of \w or of what is neither \w nor white space, as matches: Rust's (\w+|[^\w\s]+).
std::vector<Stretch> words_and_signs(std::string_view text) {
    std::vector<Stretch> out;
    int running = -1;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        const int kind = is_word(c.value) ? 1 : is_white_space(c.value) ? 0 : 2;
        if (kind != running) out.push_back({i, i, kind != 0});
        out.back().end = i + c.bytes;
        running = kind;
        i += c.bytes;
    }
    return out;
}

PreTokenizer metaspace(JsonReader& reader) {
    const std::string mark = steps::read_character(reader, "replacement");
    std::string scheme = reader.string("prepend_scheme", "always");
    if (scheme != "always" && scheme != "first" && scheme != "never")
        throw Error(reader.pointer("prepend_scheme"), "always, first or never", "\"" + scheme + "\"");
    if (reader.has("add_prefix_space") && !reader.at("add_prefix_space").is_null() && !reader.boolean("add_prefix_space", true))
        scheme = "never";
    const bool splits = !reader.has("split") || reader.at("split").is_null() || reader.boolean("split", true);
    return [mark, scheme, splits](std::vector<Piece>& pieces) {
        const auto is_mark = [&mark](std::string_view text) { return stretches_of(text, mark); };
        for (Piece& piece : pieces) {
            if (piece.token) continue;
            piece.text = steps::replaced(
                piece.text, [](std::string_view text) { return stretches_of(text, " "); }, mark, "Metaspace");
            if (!piece.text.starts_with(mark) && (scheme == "always" || (scheme == "first" && piece.at_start))) piece.text.insert(0, mark);
        }
        if (splits) split(pieces, is_mark, Behavior::merged_with_next);
    };
}

PreTokenizer sequence(JsonReader& reader, const std::string& subject) {
    auto all = steps::read_list<PreTokenizer>(reader, "pretokenizers", read_pre_tokenizer);
    return [all = std::move(all), subject](std::vector<Piece>& pieces) { steps::run_all(all, subject, pieces); };
}

PreTokenizer splitting(Splitter pattern, Behavior behavior, bool invert = false) {
    return [pattern = std::move(pattern), behavior, invert](std::vector<Piece>& pieces) { split(pieces, pattern, behavior, invert); };
}

}  // namespace

PreTokenizer byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex) {
    const Regex regex(gpt2_pattern, "GPT-2's pattern");
    return [regex, add_prefix_space, use_regex](std::vector<Piece>& pieces) {
        for (Piece& piece : pieces)
            if (!piece.token && add_prefix_space && !piece.text.starts_with(' ')) piece.text.insert(0, " ");
        if (use_regex)
            split(
                pieces, [&](std::string_view text) { return regex.stretches(text); }, Behavior::isolated);
        for (Piece& piece : pieces)
            if (!piece.token) piece.text = to_byte_level(piece.text);
    };
}

PreTokenizer read_pre_tokenizer(const Json& value, const std::string& subject) {
    if (value.is_null()) return {};
    JsonReader reader = reader_at(value, subject);
    const std::string type = reader.string("type");
    if (type == "Sequence") return sequence(reader, subject);
    if (type == "ByteLevel") return byte_level_pre_tokenizer(reader.boolean("add_prefix_space", true), reader.boolean("use_regex", true));
    if (type == "Split") return splitting(steps::read_pattern(reader, "pattern"), read_behavior(reader), reader.boolean("invert", false));
    if (type == "Metaspace") return metaspace(reader);
    if (type == "WhitespaceSplit") return splitting(characters(is_white_space), Behavior::removed);
    if (type == "Whitespace") return splitting(words_and_signs, Behavior::removed, true);
    if (type == "Digits")
        return splitting(characters(is_numeric), reader.boolean("individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
    if (type == "Punctuation") return splitting(characters(is_punctuation), read_behavior(reader));
    if (type == "CharDelimiterSplit") {
        const std::string delimiter = steps::read_character(reader, "delimiter");
        return splitting([delimiter](std::string_view text) { return stretches_of(text, delimiter); }, Behavior::removed);
    }
    if (type == "BertPreTokenizer")
        return [](std::vector<Piece>& pieces) {
            split(pieces, characters(is_white_space), Behavior::removed);
            split(pieces, characters(is_punctuation), Behavior::isolated);
        };
    steps::unsupported(
        reader,
        "Sequence, ByteLevel, Split, Metaspace, Whitespace, WhitespaceSplit, Digits, Punctuation, CharDelimiterSplit, BertPreTokenizer");
}

}  // namespace microtome
