// Conversations as the text that a model was trained on: its folder's chat template over messages.
#pragma once

#include <filesystem>
#include <optional>

#include "core/text/jinja.h"
#include "core/text/tokenizer.h"

namespace microtome {

struct Conversation {
    Json messages;                    // a list of {"role", "content", …}
    Json variables = Json::object();  // what else the template may read: tools, documents, enable_thinking, …
};
/// A list of messages, or an object with "messages" and variables.
Conversation read_conversation(const Json& json, const std::string& subject);

struct ChatOptions {
    bool add_generation_prompt = false;  // end with the beginning of the model's answer
    bool without_bos = false;            // the template's `bos_token` is empty
    Date date = today();
};

/// The ids of a rendered conversation: what the model puts around a text stands in it already.
std::vector<std::int64_t> chat_ids(const Tokenizer& tokenizer, std::string_view text);

class ChatTemplate {
  public:
    /// chat_template.jinja, else `chat_template` of tokenizer_config.json (a text, or a list of named ones: `tool_use` where the
    /// conversation has tools, else `default`). An Error if the folder has none.
    explicit ChatTemplate(const std::filesystem::path& model_folder);

    std::string render(const Conversation& conversation, const ChatOptions& options) const;
    /// The token that ends a turn or text (`eos_token`), if the folder names one.
    const std::optional<std::string>& eos() const { return eos_; }

  private:
    std::vector<std::pair<std::string, JinjaTemplate>> templates_;
    Json special_ = Json::object();  // bos_token, eos_token, …
    std::optional<std::string> eos_;
};

}  // namespace microtome
