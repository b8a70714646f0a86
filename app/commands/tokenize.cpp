// microtome tokenize --model M [--prompt TEXT | --file F | --messages FILE.json]: ids and pieces.
#include <cstdio>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/model.h"
#include "core/text/chat.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

struct Options {
    std::string prompt, file, messages, date;
    bool no_bos = false, add_generation_prompt = false;
};

void print_tokens(const Tokenizer& tokenizer, const std::vector<std::int64_t>& ids, const std::optional<std::string>& text,
                  const Common& common) {
    if (common.json) {
        Json tokens = Json::array();
        for (std::int64_t id : ids) tokens.push_back(tokenizer.piece(id));
        Json json{{"ids", ids}, {"pieces", tokens}, {"prepends_bos", tokenizer.prepends_bos()}, {"tokenizer", tokenizer.kind()}};
        if (text) json["text"] = *text;
        print_json(json);
        return;
    }
    if (text) std::printf("%s\n\n", text->c_str());
    std::vector<std::vector<std::string>> rows{{"position", "id", "piece"}};
    for (std::size_t i = 0; i < ids.size(); ++i)
        rows.push_back({std::to_string(i), std::to_string(ids[i]), Json(tokenizer.piece(ids[i])).dump()});
    print_rows(rows);
}

void run(const Options& options, const Common& common) {
    const int given = !options.prompt.empty() + !options.file.empty() + !options.messages.empty();
    if (given != 1)
        throw Error("--prompt", "one of --prompt TEXT, --file FILE and --messages FILE.json", given == 0 ? "none" : std::to_string(given));
    if (options.messages.empty() && (options.add_generation_prompt || !options.date.empty()))
        throw Error(options.date.empty() ? "--add-generation-prompt" : "--date", "--messages FILE.json beside it", "none");
    const std::filesystem::path folder = folder_of(locate_model(common.model.model));
    const auto tokenizer = load_tokenizer(folder);
    if (!options.messages.empty()) {
        ChatOptions chat;
        chat.add_generation_prompt = options.add_generation_prompt;
        chat.without_bos = options.no_bos;
        if (!options.date.empty()) chat.date = read_date(options.date, "--date");
        const std::string text = ChatTemplate(folder).render(read_conversation(read_json(options.messages), options.messages), chat);
        return print_tokens(*tokenizer, chat_ids(*tokenizer, text), text, common);
    }
    const std::string text = options.file.empty() ? options.prompt : read_file(options.file, std::size_t{64} << 20);
    if (!is_utf8(text)) message(common, "The text is not UTF-8 throughout: U+FFFD stands for what is not");
    print_tokens(*tokenizer, tokenizer->encode(text, options.no_bos ? std::optional(false) : std::nullopt), {}, common);
}

}  // namespace

void add_tokenize(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("tokenize", "Token ids and pieces of a text or conversation");
    auto options = std::make_shared<Options>();
    command->add_option("--model", common.model.model, "Bundled name, model folder, or name in the local hub cache");
    add_download_option(*command, common);
    command->add_option("--prompt", options->prompt, "The text");
    command->add_option("--file", options->file, "A file with the text");
    command->add_option("--messages", options->messages,
                        "A conversation (a JSON list of {\"role\", \"content\"}), put through the model's chat template");
    command->add_flag("--add-generation-prompt", options->add_generation_prompt,
                      "End a conversation with the beginning of the model's answer");
    command->add_option("--date", options->date, "The day that a chat template sees, as 2024-07-26 (default: today)");
    command->add_flag("--no-bos", options->no_bos, "Prepend no beginning-of-sequence token");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
