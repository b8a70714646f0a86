#include "analyses/files/csv.h"

#include "core/base/error.h"

namespace microtome {

bool CsvReader::next(CsvRow& row, std::size_t most) {
    if (at_ >= text_.size()) return false;
    row.line = line_;
    row.cells.clear();
    const std::size_t start = at_;
    while (true) {
        row.cells.push_back(cell(row.line));
        if (at_ - start > most)
            throw Error(file_ + ":" + std::to_string(row.line), "a row of at most " + std::to_string(most) + " bytes", "more");
        if (at_ < text_.size() && text_[at_] == ',') {
            ++at_;
            continue;
        }
        if (text_.substr(at_, 2) == "\r\n") ++at_;
        if (at_ < text_.size()) ++at_, ++line_;
        return true;
    }
}

// Leaves at_ on the comma, on the line break, or at the end.
std::string CsvReader::cell(std::size_t line) {
    if (at_ < text_.size() && text_[at_] == '"') return quoted(line);
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_.substr(at_, 2) != "\r\n") {
        if (text_[at_] == '"')
            throw Error(file_ + ":" + std::to_string(line_), "quotes around the whole cell, doubled inside",
                        "a quote in the middle of a cell");
        ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
}

std::string CsvReader::quoted(std::size_t line) {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"') {
            if (text_.substr(at_, 2) != "\"\"") break;
            ++at_;
        }
        if (text_[at_] == '\n') ++line_;
        value += text_[at_];
    }
    if (at_ >= text_.size()) throw Error(file_ + ":" + std::to_string(line), "a closing quote", "the end of the file");
    ++at_;
    if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_.substr(at_, 2) != "\r\n")
        throw Error(file_ + ":" + std::to_string(line_), "a comma or the end of the line after a closing quote",
                    std::string(text_.substr(at_, 1)));
    return value;
}

std::string csv_cell(std::string_view text) {
    // Spaces at the ends are quoted too: they are part of a token, and spreadsheets strip bare ones.
    const bool plain =
        text.find_first_of(",\"\n\r") == std::string_view::npos && (text.empty() || (text.front() != ' ' && text.back() != ' '));
    if (plain) return std::string(text);
    std::string quoted = "\"";
    for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + csv_cell(cells[i]);
    return line + "\n";
}

}  // namespace microtome
