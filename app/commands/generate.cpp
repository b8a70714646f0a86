// microtome generate --model M --prompt TEXT | --messages FILE.json
#include "core/generate.h"

#include <cstdio>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/models/model.h"
#include "core/text/chat.h"

namespace microtome {
namespace {

struct Options {
    std::string prompt, messages, date;
    std::vector<std::int64_t> ids;
    GenerateOptions generate;
};

// The conversation as the model was trained on it, up to where it answers; it stops at the token that ends an answer.
std::vector<std::int64_t> conversation_ids(const Session& session, const Options& options, const Common& common, GenerateOptions& how) {
    const std::filesystem::path folder = locate_model(common.model.model);
    const Tokenizer* tokenizer = session.impl().tokenizer.get();
    if (!tokenizer) throw Error(folder.string(), "a tokenizer, for --messages", "none");
    ChatOptions chat;
    chat.add_generation_prompt = true;
    if (!options.date.empty()) chat.date = read_date(options.date, "--date");
    const ChatTemplate chat_template(folder);
    const std::string text = chat_template.render(read_conversation(read_json(options.messages), options.messages), chat);
    if (chat_template.eos())
        if (const auto id = tokenizer->token_id(*chat_template.eos())) how.stop_ids.push_back(*id);
    return chat_ids(*tokenizer, text);
}

void run(const Options& options, const Common& common) {
    auto session = Session::open(common.model);
    Prompt prompt;
    prompt.text = options.prompt;
    prompt.ids = options.ids;
    const int given = !options.prompt.empty() + !options.ids.empty() + !options.messages.empty();
    if (given != 1)
        throw Error("--prompt", "one of --prompt TEXT, --ids and --messages FILE.json", given == 0 ? "none" : std::to_string(given));
    GenerateOptions how = options.generate;
    if (!options.messages.empty()) prompt.ids = conversation_ids(*session, options, common, how);
    auto ids = resolve(*session, prompt);
    how.seed = common.seed;
    TerminalProgress progress(common.quiet);
    auto made = generate(session->impl().model, ids, how, progress);
    std::vector<std::int64_t> all = ids;
    all.insert(all.end(), made.begin(), made.end());
    const Tokenizer* tokenizer = session->impl().tokenizer.get();
    const bool answer_alone = !options.messages.empty() && !common.json;
    if (common.json) {
        Json json{{"prompt_ids", ids}, {"ids", made}};
        if (tokenizer) json["text"] = tokenizer->decode(all);
        print_json(json);
    } else if (tokenizer) {
        std::printf("%s\n", tokenizer->decode(answer_alone ? made : all).c_str());
    } else {
        print_json(all);
    }
    if (progress.stopped()) throw Cancelled();
}

}  // namespace

void add_generate(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("generate", "Continue a prompt");
    auto options = std::make_shared<Options>();
    command->add_option("--prompt", options->prompt, "The text to continue");
    command->add_option("--ids", options->ids, "Token ids instead of text")->delimiter(',');
    command->add_option("--messages", options->messages,
                        "A conversation (a JSON list of {\"role\", \"content\"}): the model's answer by its chat template");
    command->add_option("--date", options->date, "The day that a chat template sees, as 2024-07-26 (default: today)");
    command->add_option("--max-new-tokens", options->generate.max_new_tokens, "At most so many");
    command->add_option("--temperature", options->generate.temperature, "0: always the most probable token");
    command->add_option("--top-k", options->generate.top_k, "Draw from the k most probable (0: all)");
    command->add_option("--top-p", options->generate.top_p, "Draw from the smallest set of this probability");
    command->add_option("--seed", common.seed, "Seed of the draws");
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
