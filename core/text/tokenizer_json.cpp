// Reads Hugging Face's tokenizer.json. Truncation and padding are left out, as transformers does unless asked.
#include <algorithm>

#include "core/base/error.h"
#include "core/text/json_pointer.h"
#include "core/text/pipeline.h"

namespace microtome {
namespace {

std::int64_t natural(const Json& value, const std::string& subject) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT32_MAX)
        throw Error(subject, "a token's id", value.dump().substr(0, 60));
    return value.get<std::int64_t>();
}

// {"SpecialToken": {"id": name}} → its ids out of the template's table.
void append_special(JsonReader& reader, const Json& piece, const std::string& where, std::vector<std::int64_t>& ids) {
    JsonReader special = reader_at(piece, where);
    const std::string name = special.object("SpecialToken").string("id");
    JsonReader table = reader.object("special_tokens");
    const Json& listed = table.object(name).at("ids");
    if (!listed.is_array()) throw Error(table.pointer(name) + "/ids", "a list", listed.type_name());
    for (const Json& id : listed) ids.push_back(natural(id, table.pointer(name) + "/ids"));
}

void wrap(TokenizerFacts& facts, std::vector<std::int64_t> before, const std::vector<std::int64_t>& after) {
    before.insert(before.end(), facts.before.begin(), facts.before.end());
    facts.before = std::move(before);
    facts.after.insert(facts.after.end(), after.begin(), after.end());
}

void read_template(JsonReader& reader, TokenizerFacts& facts) {
    const Json& single = reader.at("single");
    if (!single.is_array()) throw Error(reader.pointer("single"), "a list", single.type_name());
    std::vector<std::int64_t> before, after;
    int texts = 0;
    for (std::size_t i = 0; i < single.size(); ++i) {
        const std::string where = reader.pointer("single") + "/" + std::to_string(i);
        if (single[i].is_object() && single[i].contains("Sequence"))
            ++texts;
        else
            append_special(reader, single[i], where, texts == 0 ? before : after);
    }
    if (texts != 1) throw Error(reader.pointer("single"), "one text in the template", std::to_string(texts));
    wrap(facts, std::move(before), after);
}

std::int64_t named_id(JsonReader& reader, const std::string& key) {
    const Json& pair = reader.at(key);
    if (!pair.is_array() || pair.size() != 2) throw Error(reader.pointer(key), "[token, id]", pair.type_name());
    return natural(pair[1], reader.pointer(key));
}

bool mentions(const Json& value, std::string_view type) {
    if (value.is_object() && value.contains("type") && value["type"] == type) return true;
    if (!value.is_structured()) return false;
    return std::any_of(value.begin(), value.end(), [&](const Json& part) { return mentions(part, type); });
}

std::string kind_of(JsonReader& reader) {
    const Json& model = reader.at("model");
    const std::string type =
        model.is_object() && model.contains("type") && model["type"].is_string() ? model["type"].get<std::string>() : "BPE";
    if (type != "BPE") return type == "WordLevel" ? "words" : type;
    for (const char* step : {"pre_tokenizer", "normalizer"})
        if (reader.has(step) && mentions(reader.at(step), "ByteLevel")) return "byte-level BPE";
    return model.is_object() && model.contains("byte_fallback") && model["byte_fallback"] == true ? "SentencePiece BPE" : "BPE";
}

}  // namespace

bool read_post_processor(const Json& value, const std::string& subject, TokenizerFacts& facts) {
    if (value.is_null()) return false;
    JsonReader reader = reader_at(value, subject);
    const std::string type = reader.string("type");
    if (type == "ByteLevel") return false;  // it trims offsets only
    if (type == "TemplateProcessing") {
        read_template(reader, facts);
        return true;
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        wrap(facts, {named_id(reader, "cls")}, {named_id(reader, "sep")});
        return true;
    }
    if (type != "Sequence")
        throw Error(reader.pointer("type"), "one of Sequence, TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing",
                    "\"" + type + "\", which is not supported");
    const Json& all = reader.at("processors");
    if (!all.is_array()) throw Error(reader.pointer("processors"), "a list", all.type_name());
    bool told = false;
    for (std::size_t i = 0; i < all.size(); ++i)
        told = read_post_processor(all[i], reader.pointer("processors") + "/" + std::to_string(i), facts) || told;
    return told;
}

std::unique_ptr<Tokenizer> read_tokenizer_json(const Json& json, const std::string& subject, const BosHints& hints, std::string sha256) {
    JsonReader reader(json, subject);
    const auto step = [&](const char* key) -> const Json& {
        static const Json none;
        return reader.has(key) ? reader.at(key) : none;
    };
    PipelineParts parts;
    parts.model = read_subword_model(reader.at("model"), reader.pointer("model"));
    parts.normalizer = read_normalizer(step("normalizer"), reader.pointer("normalizer"));
    parts.pre_tokenizer = read_pre_tokenizer(step("pre_tokenizer"), reader.pointer("pre_tokenizer"));
    parts.decoder = read_decoder(step("decoder"), reader.pointer("decoder"));
    parts.added = AddedTokens(step("added_tokens"), *parts.model, parts.normalizer, reader.pointer("added_tokens"));
    TokenizerFacts facts;
    facts.kind = kind_of(reader);
    facts.sha256 = std::move(sha256);
    facts.vocab_size = std::max(parts.model->vocabulary().highest(), parts.added.highest()) + 1;
    const bool told = read_post_processor(step("post_processor"), reader.pointer("post_processor"), facts);
    settle_bos(facts, hints, told, [&parts](std::string_view name) {
        const AddedToken* added = parts.added.named(name);
        return added ? std::optional(added->id) : parts.model->vocabulary().find(name);
    });
    return std::make_unique<PipelineTokenizer>(std::move(parts), std::move(facts));
}

}  // namespace microtome
