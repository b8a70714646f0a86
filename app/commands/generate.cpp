// microtome generate --model M --prompt TEXT
#include "core/generate.h"

#include <cstdio>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    std::string prompt;
    std::vector<std::int64_t> ids;
    GenerateOptions generate;
};

void run(const Options& options, const Common& common) {
    auto session = Session::open(common.model);
    Prompt prompt;
    prompt.text = options.prompt;
    prompt.ids = options.ids;
    if (options.prompt.empty() == options.ids.empty())
        throw Error("--prompt", "either --prompt TEXT or --ids", options.ids.empty() ? "neither" : "both");
    auto ids = resolve(*session, prompt);
    GenerateOptions how = options.generate;
    how.seed = common.seed;
    TerminalProgress progress(common.quiet);
    auto made = generate(session->impl().model, ids, how, progress);
    std::vector<std::int64_t> all = ids;
    all.insert(all.end(), made.begin(), made.end());
    const Tokenizer* tokenizer = session->impl().tokenizer.get();
    if (common.json) {
        Json json{{"prompt_ids", ids}, {"ids", made}};
        if (tokenizer) json["text"] = tokenizer->decode(all);
        print_json(json);
    } else if (tokenizer) {
        std::printf("%s\n", tokenizer->decode(all).c_str());
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
