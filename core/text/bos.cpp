// What the files beside a tokenizer say of its beginning-of-sequence token.
#include "core/base/error.h"
#include "core/text/pipeline.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

// "bos_token": "<s>" or {"content": "<s>", …} or null.
std::optional<std::string> token_name(JsonReader& reader) {
    if (!reader.has("bos_token") || reader.at("bos_token").is_null()) return {};
    return reader.at("bos_token").is_object() ? reader.object("bos_token").string("content") : reader.string("bos_token");
}

}  // namespace

BosHints read_bos_hints(const fs::path& folder) {
    BosHints hints;
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "generation_config.json"}) {
        if (!fs::exists(folder / name)) continue;
        const Json json = read_json(folder / name);
        JsonReader reader(json, (folder / name).string());
        if (!hints.token) hints.token = token_name(reader);
        if (!hints.id && reader.has("bos_token_id") && reader.at("bos_token_id").is_number_integer())
            hints.id = reader.integer("bos_token_id");
        if (!hints.prepend && reader.has("add_bos_token") && reader.at("add_bos_token").is_boolean())
            hints.prepend = reader.boolean("add_bos_token", false);
    }
    return hints;
}

void settle_bos(TokenizerFacts& facts, const BosHints& hints, bool told,
                const std::function<std::optional<std::int64_t>(std::string_view)>& find) {
    if (hints.token) facts.bos_id = find(*hints.token);
    if (!facts.bos_id && !facts.before.empty()) facts.bos_id = facts.before.front();
    if (!facts.bos_id && hints.id && *hints.id >= 0 && *hints.id < facts.vocab_size) facts.bos_id = hints.id;
    // The names that the field's model families use.
    for (const char* name : {"<s>", "<bos>", "<|begin_of_text|>", "<|bos|>", "<|endoftext|>"})
        if (!facts.bos_id) facts.bos_id = find(name);
    if (!told && hints.prepend.value_or(false) && facts.bos_id) facts.before = {*facts.bos_id};
}

}  // namespace microtome
