// Prompt files, row by row: JSONL and CSV become JSON objects, which prompts.cpp reads.
#include <algorithm>
#include <functional>

#include "analyses/files/csv.h"
#include "analyses/files/prompts.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/near.h"
#include "core/base/utf8.h"

namespace microtome {
namespace {

// Bounds against files that are not prompt files at all.
constexpr std::size_t most_bytes = std::size_t{1} << 32, longest_row = 16'000'000, most_rows = 10'000'000;

using Names = std::vector<std::string>;
using Visit = std::function<void(const Json& row, const std::string& subject)>;

std::string at_line(const std::string& file, std::size_t line) {
    return file + ":" + std::to_string(line);
}

void check_keys(const Json& row, const Names& known, const std::string& subject) {
    for (const auto& [key, ignored] : row.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw Error(subject, "keys out of " + joined(known, ", "), with_suggestion(key, known));
}

void each_line(std::string_view text, const std::string& file, const Names& known, const Visit& visit) {
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size(); ++line) {
        std::string_view row = text.substr(at, text.find('\n', at) - at);
        at += row.size() + 1;
        if (row.size() > longest_row)
            throw Error(at_line(file, line), "a line of at most " + std::to_string(longest_row) + " bytes", std::to_string(row.size()));
        if (line > most_rows) throw Error(file, "at most " + std::to_string(most_rows) + " lines", "more");
        if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        Json json = parse_json(row, at_line(file, line));
        if (json.is_object()) check_keys(json, known, at_line(file, line));
        visit(json, at_line(file, line));
    }
}

bool in(const std::string& name, std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// What the same value is in a JSON line. Lists stand as JSON arrays in their cell.
Json cell_value(const std::string& column, const std::string& cell, const std::string& subject) {
    const bool list = in(column, {"answer", "foil"}) && cell.starts_with('[') && cell.ends_with(']');
    const bool json = in(column, {"ids", "clean_ids", "corrupt_ids", "answer_id", "foil_id", "spans", "prepend_bos"});
    return list || json ? parse_json(cell, subject + ", column " + column) : Json(cell);
}

void each_row(std::string_view text, const std::string& file, const Names& known, const Visit& visit) {
    CsvReader reader(text, file);
    CsvRow header, row;
    if (!reader.next(header, longest_row)) return;
    Json columns = Json::object();
    for (const std::string& name : header.cells) {
        if (columns.contains(name)) throw Error(at_line(file, 1), "each column once", "\"" + name + "\" twice");
        columns[name] = nullptr;
        check_keys(columns, known, at_line(file, 1));
    }
    for (std::size_t rows = 1; reader.next(row, longest_row); ++rows) {
        const std::string subject = at_line(file, row.line);
        if (rows > most_rows) throw Error(file, "at most " + std::to_string(most_rows) + " rows", "more");
        if (row.cells.size() == 1 && row.cells[0].empty()) continue;
        if (row.cells.size() != header.cells.size())
            throw Error(subject, std::to_string(header.cells.size()) + " cells as in the header", std::to_string(row.cells.size()));
        Json json = Json::object();
        for (std::size_t i = 0; i < row.cells.size(); ++i)
            if (!row.cells[i].empty()) json[header.cells[i]] = cell_value(header.cells[i], row.cells[i], subject);
        visit(json, subject);
    }
}

void check_utf8(std::string_view text, const std::string& file) {
    std::size_t bad = first_bad_utf8(text);
    if (bad == std::string_view::npos) return;
    auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    throw Error(at_line(file, static_cast<std::size_t>(line)), "UTF-8 text",
                "the byte " + std::to_string(static_cast<unsigned char>(text[bad])));
}

template <class P, class Read>
std::vector<P> parse_rows(std::string_view text, bool csv, const std::string& file, const Names& known, Read read) {
    const bool empty = text.empty();
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark, as spreadsheets write it
    check_utf8(text, file);
    std::vector<P> prompts;
    auto visit = [&](const Json& row, const std::string& subject) { prompts.push_back(read(row, subject)); };
    if (csv)
        each_row(text, file, known, visit);
    else
        each_line(text, file, known, visit);
    if (prompts.empty()) throw Error(file, "at least one prompt", empty ? "an empty file" : "none");
    return prompts;
}

bool is_csv(const std::filesystem::path& file) {
    std::string extension = file.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return extension == ".csv";
}

}  // namespace

std::vector<Prompt> parse_prompts(std::string_view text, bool csv, const std::string& file) {
    static const Names known{"text", "ids", "label", "group", "spans", "prepend_bos"};
    return parse_rows<Prompt>(text, csv, file, known,
                              [](const Json& row, const std::string& subject) { return prompt_from_json(row, subject, ""); });
}

std::vector<PromptPair> parse_pairs(std::string_view text, bool csv, const std::string& file) {
    static const Names known{"id",        "clean",   "corrupt", "answer", "foil",  "clean_ids",  "corrupt_ids",
                             "answer_id", "foil_id", "label",   "group",  "spans", "prepend_bos"};
    return parse_rows<PromptPair>(text, csv, file, known,
                                  [](const Json& row, const std::string& subject) { return pair_from_json(row, subject, ""); });
}

std::vector<Prompt> read_prompts(const std::filesystem::path& file) {
    return parse_prompts(read_file(file, most_bytes), is_csv(file), file.string());
}

std::vector<PromptPair> read_pairs(const std::filesystem::path& file) {
    return parse_pairs(read_file(file, most_bytes), is_csv(file), file.string());
}

}  // namespace microtome
