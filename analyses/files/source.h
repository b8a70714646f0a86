// Where an intervention takes its values from, as users write it: a file, prompts by id, or tokens in quotation marks.
#pragma once

#include <string>
#include <vector>

namespace microtome {

/// "p1", "p1:corrupt", "p1@3" (a position or several; without: the last token); or " Mary" in quotation marks.
struct SourceTerm {
    bool word = false;
    std::string name;  // the prompt's id, or the word
    bool corrupt = false;
    std::string position = "last";
};

/// "vectors.safetensors#direction": a file's name and, if given, what in it.
struct SourceFile {
    std::string path, part;
};

/// By its ending: .h5 .hdf5 .safetensors .json .jsonl .csv.
bool names_a_file(const std::string& source);
SourceFile parse_source_file(const std::string& source);
/// The same source with its file's path seen from `folder`; other sources as they are.
std::string source_from(const std::string& folder, const std::string& source);

/// One term, or two with `separator` between (ids may hold it too). `ids`: the prompts that can be named.
std::vector<SourceTerm> parse_terms(const std::string& source, char separator, const std::vector<std::string>& ids,
                                    const std::string& subject);
/// "p1,p2:corrupt"
std::vector<SourceTerm> parse_list(const std::string& source, const std::vector<std::string>& ids, const std::string& subject);

}  // namespace microtome
