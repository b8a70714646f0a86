// Finds a folder's tokenizer files and picks the reader.
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/text/plain.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view gpt2_special = "<|endoftext|>";

// merges.txt: a version line, then two tokens a line.
std::vector<std::pair<std::string, std::string>> read_merges(const std::string& text, const std::string& subject) {
    require_utf8(text, subject);
    std::vector<std::pair<std::string, std::string>> merges;
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty() || line.starts_with("#version")) continue;
        const std::size_t space = line.find(' ');
        if (space == 0 || space == std::string::npos || space + 1 == line.size() || line.find(' ', space + 1) != std::string::npos)
            throw Error(subject + ":" + std::to_string(number), "two tokens", "\"" + line.substr(0, 60) + "\"");
        merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    return merges;
}

// GPT-2's files know only vocabulary and merges; the rest of the pipeline is fixed by its code.
std::unique_ptr<Tokenizer> read_gpt2(const fs::path& vocabulary, const fs::path& merges) {
    const std::string vocabulary_text = read_file(vocabulary), merges_text = read_file(merges);
    PipelineParts parts;
    parts.model = make_bpe(read_vocabulary(parse_json(vocabulary_text, vocabulary.string()), vocabulary.string()),
                           read_merges(merges_text, merges.string()), {}, merges.string());
    parts.pre_tokenizer = byte_level_pre_tokenizer(false, true);
    parts.decoder = byte_level_decoder();
    if (const auto id = parts.model->vocabulary().find(gpt2_special)) {
        AddedToken token;
        token.id = *id;
        token.content = token.pattern = gpt2_special;
        token.special = true;
        parts.added.add(std::move(token));
    }
    TokenizerFacts facts;
    facts.kind = "byte-level BPE";
    facts.sha256 = sha256(sha256(vocabulary_text) + sha256(merges_text));
    facts.vocab_size = parts.model->vocabulary().highest() + 1;
    settle_bos(facts, read_bos_hints(vocabulary.parent_path()), false,
               [&parts](std::string_view name) { return parts.model->vocabulary().find(name); });
    return std::make_unique<PipelineTokenizer>(std::move(parts), std::move(facts));
}

// tokenizer.bin, tok512.bin, … in name order after tokenizer.bin.
std::vector<fs::path> llama2c_candidates(const fs::path& folder) {
    std::set<fs::path> others;
    std::error_code ignored;
    for (const auto& item : fs::directory_iterator(folder, ignored)) {
        const std::string name = item.path().filename().string();
        if (name.starts_with("tok") && name.ends_with(".bin") && name != "tokenizer.bin") others.insert(item.path());
    }
    std::vector<fs::path> all;
    if (fs::exists(folder / "tokenizer.bin")) all.push_back(folder / "tokenizer.bin");
    all.insert(all.end(), others.begin(), others.end());
    return all;
}

std::unique_ptr<Tokenizer> load_file(const fs::path& file) {
    const fs::path folder = file.parent_path();
    if (file.filename() == "merges.txt") return read_gpt2(folder / "vocab.json", file);
    if (file.filename() == "vocab.json" && fs::exists(folder / "merges.txt")) return read_gpt2(file, folder / "merges.txt");
    const std::string text = read_file(file);
    if (file.extension() == ".bin") return read_llama2c(text, file.string(), sha256(text));
    if (file.extension() == ".model") return read_sentencepiece(text, file.string(), read_bos_hints(folder), sha256(text));
    const Json json = parse_json(text, file.string());
    if (json.is_object() && json.contains("model")) return read_tokenizer_json(json, file.string(), read_bos_hints(folder), sha256(text));
    return read_plain_vocabulary(json, file.string(), read_bos_hints(folder), sha256(text));
}

// The file that decides, or nothing.
std::optional<fs::path> find_file(const fs::path& folder) {
    for (const char* name : {"tokenizer.json", "merges.txt"})
        if (fs::exists(folder / name)) return folder / name;
    const auto candidates = llama2c_candidates(folder);
    for (const fs::path& candidate : candidates)
        if (is_llama2c(read_file(candidate))) return candidate;
    for (const char* name : {"tokenizer.model", "vocab.json"})
        if (fs::exists(folder / name)) return folder / name;
    if (!candidates.empty()) return candidates.front();  // its reader says what is wrong with it
    return {};
}

}  // namespace

bool has_tokenizer(const fs::path& folder) {
    return find_file(folder).has_value();
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& folder_or_file) {
    if (!fs::is_directory(folder_or_file)) return load_file(folder_or_file);
    const auto file = find_file(folder_or_file);
    if (!file)
        throw Error(folder_or_file.string(),
                    "a tokenizer (tokenizer.json, vocab.json with merges.txt, llama2.c's tokenizer.bin, tokenizer.model, or vocab.json)",
                    "none");
    return load_file(*file);
}

}  // namespace microtome
