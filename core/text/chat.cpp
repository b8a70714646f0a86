#include "core/text/chat.h"

#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

// "bos_token": "<s>" or {"content": "<s>", …}; others are left out.
void read_special(const Json& config, Json& special) {
    for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
        if (!config.contains(name) || special.contains(name)) continue;
        const Json& value = config[name];
        if (value.is_string()) special[name] = value;
        if (value.is_object() && value.contains("content") && value["content"].is_string()) special[name] = value["content"];
    }
}

}  // namespace

Conversation read_conversation(const Json& json, const std::string& subject) {
    Conversation out;
    const bool named = json.is_object() && json.contains("messages");
    if (!json.is_array() && !named) throw Error(subject, "a list of messages, or an object with \"messages\"", json.type_name());
    out.messages = named ? json["messages"] : json;
    const std::string where = subject + (named ? "#/messages" : "#");
    if (!out.messages.is_array() || out.messages.empty())
        throw Error(where, "a list of at least one message", out.messages.is_array() ? "none" : out.messages.type_name());
    for (std::size_t i = 0; i < out.messages.size(); ++i) {
        const Json& message = out.messages[i];
        if (!message.is_object() || !message.contains("role") || !message["role"].is_string())
            throw Error(where + "/" + std::to_string(i), R"(a message such as {"role": "user", "content": "…"})",
                        message.is_object() ? "one without a role" : message.type_name());
    }
    if (named)
        for (const auto& [key, value] : json.items())
            if (key != "messages") out.variables[key] = value;
    return out;
}

std::vector<std::int64_t> chat_ids(const Tokenizer& tokenizer, std::string_view text) {
    auto ids = tokenizer.encode(text, false);
    ids.resize(ids.size() - tokenizer.facts().after.size());
    return ids;
}

ChatTemplate::ChatTemplate(const fs::path& model_folder) {
    const fs::path folder = fs::is_directory(model_folder) ? model_folder : model_folder.parent_path();
    const fs::path file = folder / "chat_template.jinja", config_file = folder / "tokenizer_config.json";
    Json config = Json::object();
    if (fs::exists(config_file)) config = read_json(config_file);
    if (!config.is_object()) throw Error(config_file.string(), "an object", config.type_name());
    read_special(config, special_);
    if (fs::exists(folder / "special_tokens_map.json"))
        if (const Json map = read_json(folder / "special_tokens_map.json"); map.is_object()) read_special(map, special_);
    if (special_.contains("eos_token")) eos_ = special_["eos_token"].get<std::string>();
    const Json given = config.value("chat_template", Json());
    const std::string subject = config_file.string() + "#/chat_template";
    if (fs::exists(file)) {
        templates_.emplace_back("default", JinjaTemplate(read_file(file, std::size_t{4} << 20), file.string()));
    } else if (given.is_string()) {
        templates_.emplace_back("default", JinjaTemplate(given.get<std::string>(), subject));
    } else if (given.is_array() && !given.empty()) {
        for (std::size_t i = 0; i < given.size(); ++i) {
            JsonReader reader(given[i], config_file.string(), "/chat_template/" + std::to_string(i));
            const std::string name = reader.string("name");
            templates_.emplace_back(name, JinjaTemplate(reader.string("template"), subject + "/" + name));
        }
    } else {
        throw Error(folder.string(), "a chat template (chat_template.jinja, or chat_template in tokenizer_config.json)", "none");
    }
}

std::string ChatTemplate::render(const Conversation& conversation, const ChatOptions& options) const {
    Json variables = special_;
    if (options.without_bos) variables["bos_token"] = "";
    for (const char* name : {"tools", "documents"}) variables[name] = nullptr;
    for (const auto& [key, value] : conversation.variables.items()) variables[key] = value;
    variables["messages"] = conversation.messages;
    variables["add_generation_prompt"] = options.add_generation_prompt;
    const bool tools = !variables["tools"].is_null();
    const JinjaTemplate* chosen = &templates_.front().second;
    for (const char* wanted : {"default", "tool_use"})
        for (const auto& [name, one] : templates_)
            if (name == wanted && (tools || name == "default")) chosen = &one;
    return chosen->render(variables, options.date);
}

}  // namespace microtome
