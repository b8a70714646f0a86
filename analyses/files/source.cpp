#include "analyses/files/source.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

constexpr const char* by_position = "position:";

std::string trimmed(const std::string& text) {
    std::size_t first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool in_quotes(const std::string& text) {
    return text.size() > 2 && (text[0] == '"' || text[0] == '\'') && text.find(text[0], 1) == text.size() - 1;
}

// Nothing if it is no term.
std::optional<SourceTerm> term_of(const std::string& given, const std::vector<std::string>& ids) {
    std::string text = trimmed(given);
    SourceTerm term;
    if (in_quotes(text)) {
        term.word = true;
        term.name = text.substr(1, text.size() - 2);
        return term;
    }
    auto known = [&] { return std::find(ids.begin(), ids.end(), text) != ids.end(); };
    if (std::size_t at = text.rfind('@'); !known() && at != std::string::npos) {
        term.position = text.substr(at + 1);
        text.resize(at);
    }
    if (!known() && text.ends_with(":clean")) text.resize(text.size() - 6);
    if (!known() && text.ends_with(":corrupt")) {
        term.corrupt = true;
        text.resize(text.size() - 8);
    }
    if (!known()) return {};
    term.name = text;
    return term;
}

[[noreturn]] void refuse(const std::string& source, const std::vector<std::string>& ids, const std::string& subject, const char* shape) {
    std::vector<std::string> shown(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(ids.size(), 5)));
    std::string known = shown.empty() ? "no prompt has an id here" : "prompts: " + joined(shown, ", ") + (ids.size() > 5 ? " …" : "");
    throw Error(subject + ", source", std::string(shape) + " (" + known + ")", with_suggestion(source, ids));
}

}  // namespace

bool names_a_file(const std::string& source) {
    std::string path = parse_source_file(source).path;
    for (const char* ending : {".h5", ".hdf5", ".safetensors", ".json", ".jsonl", ".csv"})
        if (path.ends_with(ending)) return true;
    return false;
}

SourceFile parse_source_file(const std::string& source) {
    std::size_t hash = source.rfind('#');
    return hash == std::string::npos ? SourceFile{source, ""} : SourceFile{source.substr(0, hash), source.substr(hash + 1)};
}

std::string source_from(const std::string& folder, const std::string& source) {
    if (folder.empty() || !names_a_file(source)) return source;
    std::string start = source.starts_with(by_position) ? by_position : "";
    return start + (std::filesystem::path(folder) / source.substr(start.size())).lexically_normal().string();
}

std::vector<SourceTerm> parse_terms(const std::string& source, char separator, const std::vector<std::string>& ids,
                                    const std::string& subject) {
    if (auto one = term_of(source, ids)) return {*one};
    for (std::size_t at = source.find(separator); at != std::string::npos; at = source.find(separator, at + 1)) {
        auto left = term_of(source.substr(0, at), ids), right = term_of(source.substr(at + 1), ids);
        if (left && right) return {*left, *right};
    }
    refuse(source, ids, subject, separator == '|' ? "p1|p2 or \" Mary\"|\" John\"" : "a file, p1, p1-p2, or \" Mary\"-\" John\"");
}

std::vector<SourceTerm> parse_list(const std::string& source, const std::vector<std::string>& ids, const std::string& subject) {
    std::vector<SourceTerm> terms;
    for (std::size_t at = 0; at <= source.size();) {
        std::size_t end = std::min(source.find(',', at), source.size());
        auto term = term_of(source.substr(at, end - at), ids);
        if (!term || term->word) refuse(source.substr(at, end - at), ids, subject, "ids of prompts with commas between, or a prompt file");
        terms.push_back(*term);
        at = end + 1;
    }
    return terms;
}

}  // namespace microtome
