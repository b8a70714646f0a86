// What a world writes beside its model: tokenizer, prompt pairs, suites. The formats are in resources/docs/worlds.md.
#include <algorithm>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/worlds/world.h"

namespace microtome {
namespace {

constexpr int pairs_each = 120, items_each = 500;

/// The vocabulary and rules in the form that the `tokenizers` library reads: words split at white space, <bos> in front.
Json tokenizer(const Words& words) {
    Json vocabulary = Json::object(), added = Json::array();
    for (std::size_t id = 0; id < words.size(); ++id) vocabulary[words[id]] = id;
    for (std::size_t id = 0; id < words.size() && words[id].starts_with("<"); ++id) {
        added.push_back({{"id", id},
                         {"content", words[id]},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", true}});
    }
    const Json bos = {{"SpecialToken", {{"id", "<bos>"}, {"type_id", 0}}}};
    const Json a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, b = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
            {"post_processor",
             {{"type", "TemplateProcessing"},
              {"single", Json::array({bos, a})},
              {"pair", Json::array({bos, a, b})},
              {"special_tokens", {{"<bos>", {{"id", "<bos>"}, {"ids", Json::array({World::bos})}, {"tokens", Json::array({"<bos>"})}}}}}}},
            {"decoder", nullptr},
            {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}}}};
}

Json one_or_list(const Words& words) {
    return words.size() == 1 ? Json(words.front()) : Json(words);
}

/// Spans count tokens with <bos> as position 0, so the first word is at 1.
Json pair_json(const std::string& id, const WorldPair& pair) {
    Json spans = Json::object();
    for (const auto& [role, words] : pair.roles) spans[role] = {words.first + 1, words.second + 1};
    spans["END"] = -1;
    Json json = {{"id", id},
                 {"clean", join_words(pair.clean)},
                 {"corrupt", join_words(pair.corrupt)},
                 {"answer", one_or_list(pair.answer)},
                 {"foil", one_or_list(pair.foil)}};
    if (!pair.label.empty()) json["label"] = pair.label;
    json["spans"] = spans;
    return json;
}

void write_pairs(const std::filesystem::path& file, const std::string& task, const World& world) {
    std::string lines;
    int n = 0;
    for (const auto& pair : world.pairs(task, pairs_each)) lines += pair_json(task + "-" + std::to_string(++n), pair).dump() + "\n";
    write_file(file, lines);
}

/// One item a line, so that the file can be read by eye.
void write_suite(const std::filesystem::path& file, const Suite& suite) {
    const Json head = {{"schema", 1}, {"name", suite.name}, {"world", suite.world}, {"seed", suite.seed}, {"metric", suite.metric}};
    std::string text = head.dump();
    text.back() = ',';
    text += "\n\"items\": [\n";
    for (std::size_t i = 0; i < suite.items.size(); ++i) {
        const auto& item = suite.items[i];
        Json json = {{"prompt", item.prompt}, {"answers", item.answers}};
        if (suite.metric != "mass") json["foils"] = item.foils;  // of a mass: all the others
        if (!item.kind.empty()) json["kind"] = item.kind;
        text += json.dump() + (i + 1 < suite.items.size() ? ",\n" : "\n");
    }
    write_file(file, text + "]}\n");
}

Words read_words(JsonReader& reader, const std::string& key) {
    const Json& list = reader.at(key);
    if (!list.is_array()) throw Error(reader.pointer(key), "a list of words", list.dump());
    Words words;
    for (const auto& word : list) {
        if (!word.is_string()) throw Error(reader.pointer(key), "a list of words", word.dump());
        words.push_back(word.get<std::string>());
    }
    return words;
}

}  // namespace

void write_word_tokenizer(const std::filesystem::path& folder, const Words& words, int context) {
    const Json json = tokenizer(words);
    write_json(folder / "vocab.json", json["model"]["vocab"]);
    write_json(folder / "tokenizer.json", json);
    write_json(folder / "tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                                  {"bos_token", "<bos>"},
                                                  {"pad_token", "<pad>"},
                                                  {"unk_token", "<unk>"},
                                                  {"add_bos_token", true},
                                                  {"clean_up_tokenization_spaces", false},
                                                  {"model_max_length", context}});
}

void write_world_files(const std::filesystem::path& folder, const World& world) {
    std::filesystem::create_directories(folder / "prompts");
    std::filesystem::create_directories(folder / "suites");
    write_word_tokenizer(folder, world.vocabulary(), 64);
    for (const auto& task : world.tasks()) {
        write_pairs(folder / "prompts" / (task->name() + ".jsonl"), task->name(), world);
        write_suite(folder / "suites" / (task->name() + ".json"), world.suite(task->name(), items_each));
    }
}

Suite read_suite(const std::filesystem::path& file) {
    const Json json = read_json(file);
    JsonReader reader(json, file.string());
    if (const auto schema = reader.integer("schema"); schema != 1) throw Error(reader.pointer("schema"), "1", std::to_string(schema));
    Suite suite{reader.string("name"),
                reader.string("world", ""),
                reader.string("metric", "accuracy"),
                static_cast<std::uint64_t>(reader.integer("seed", 0)),
                {}};
    if (suite.metric != "accuracy" && suite.metric != "mass") throw Error(reader.pointer("metric"), "accuracy or mass", suite.metric);
    const Json& items = reader.at("items");
    if (!items.is_array() || items.empty())
        throw Error(reader.pointer("items"), "a list of items", items.is_array() ? "none" : items.type_name());
    for (std::size_t i = 0; i < items.size(); ++i) {
        JsonReader item(items[i], file.string(), "/items/" + std::to_string(i));
        SuiteItem read{item.string("prompt"), read_words(item, "answers"), {}, item.string("kind", "")};
        if (item.has("foils")) read.foils = read_words(item, "foils");
        item.done();
        suite.items.push_back(std::move(read));
    }
    reader.done();
    return suite;
}

}  // namespace microtome
