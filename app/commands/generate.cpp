// microtome generate --model M --prompt TEXT | --messages FILE.json
#include <cstdio>

#include "analyses/generation.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/text/chat.h"
#include "core/text/tokenizer.h"

namespace microtome {
namespace {

struct Options {
    GenerationRequest request;
    std::string out, messages, prompts, date;
    std::vector<std::string> interventions;
    bool no_bos = false, no_cache = false;
};

// The conversation as the model was trained on it, up to where it answers; it stops at the token that ends an answer.
std::vector<std::int64_t> conversation_ids(const Session& session, const Options& options, GenerateOptions& how) {
    const std::filesystem::path folder = session.facts().path;
    if (!session.has_tokenizer()) throw Error(folder.string(), "a tokenizer, for --messages", "none");
    const auto tokenizer = load_tokenizer(folder);
    ChatOptions chat;
    chat.add_generation_prompt = true;
    if (!options.date.empty()) chat.date = read_date(options.date, "--date");
    const ChatTemplate chat_template(folder);
    const std::string text = chat_template.render(read_conversation(read_json(options.messages), options.messages), chat);
    if (chat_template.eos())
        if (const auto id = tokenizer->token_id(*chat_template.eos())) how.stop_ids.push_back(*id);
    return chat_ids(*tokenizer, text);
}

Json json_of(const Session& session, const Generation& made) {
    Json json{{"prompt_ids", made.prompt_ids}, {"ids", made.ids}};
    if (session.has_tokenizer()) json["text"] = made.text, json["continuation"] = made.continuation;
    json["end"] = made.end;
    json["seconds"] = made.seconds;
    json["tokens_per_second"] = made.seconds > 0 ? static_cast<double>(made.ids.size()) / made.seconds : 0;
    return json;
}

// A file of prompts, one after the other: a line of text (of ids without a tokenizer) each, or one object with all of them. What was made
// before an interrupt is shown.
void run_all(const Options& options, const Common& common) {
    if (!options.out.empty() || !options.request.sites.empty())
        throw Error("--capture", "one prompt (microtome cache reads a file of them)", "--prompts");
    const std::vector<Prompt> prompts = read_prompts(options.prompts);
    auto interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    session->set_interventions(interventions, named_prompts(prompts));
    TerminalProgress progress(common.quiet);
    Json all = Json::array();
    bool cancelled = false;
    for (std::size_t i = 0; i < prompts.size() && !cancelled; ++i) {
        GenerationRequest request = options.request;
        request.prompt = prompts[i];
        if (options.no_bos) request.prompt.prepend_bos = false;
        request.options.seed = common.seed + static_cast<std::int64_t>(i);  // draws of their own
        request.options.use_cache = !options.no_cache;
        TerminalProgress quiet(true);
        const Generation made = generate_text(*session, request, quiet);
        cancelled = made.end == "cancelled" || progress.stopped();
        all.push_back(json_of(*session, made));
        if (!prompts[i].label.empty()) all.back()["label"] = prompts[i].label;
        if (!common.json) std::printf("%s\n", session->has_tokenizer() ? made.text.c_str() : all.back()["ids"].dump().c_str());
        progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(prompts.size()), "prompts");
    }
    if (common.json) print_json({{"generations", all}});
    if (cancelled) throw Cancelled();
}

void run(const Options& options, const Common& common) {
    GenerationRequest request = options.request;
    request.options.seed = common.seed;
    request.options.use_cache = !options.no_cache;
    request.out = options.out;
    if (options.no_bos) request.prompt.prepend_bos = false;
    const int given = !request.prompt.text.empty() + !request.prompt.ids.empty() + !options.messages.empty() + !options.prompts.empty();
    if (given != 1)
        throw Error("--prompt", "one of --prompt TEXT, --prompts FILE, --ids and --messages FILE.json",
                    given == 0 ? "none" : std::to_string(given));
    if (!options.prompts.empty()) return run_all(options, common);
    auto interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    if (!options.messages.empty()) {
        request.prompt.ids = conversation_ids(*session, options, request.options);
        request.answer_alone = true;
    }
    session->set_interventions(interventions, named_prompts({request.prompt}));
    TerminalProgress progress(common.quiet);
    auto print = [&](std::string_view text) {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
            throw Error("standard output", "room to write", "an error");
    };
    Generation made = generate_text(*session, request, progress, common.json ? std::function<void(std::string_view)>() : print);
    if (common.json) {
        Json json = json_of(*session, made);
        if (!options.out.empty()) json["out"] = options.out;
        print_json(json);
    } else if (session->has_tokenizer()) {
        print("\n");
    } else {
        std::vector<std::int64_t> all = made.prompt_ids;
        all.insert(all.end(), made.ids.begin(), made.ids.end());
        print_json(all);
    }
    if (!options.out.empty()) message(common, "wrote " + options.out);
    if (made.end == "cancelled") throw Cancelled();
}

}  // namespace

void add_generate(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("generate", "Continue a prompt");
    auto options = std::make_shared<Options>();
    GenerateOptions& how = options->request.options;
    command->add_option("--prompt", options->request.prompt.text, "The text to continue");
    command->add_option("--ids", options->request.prompt.ids, "Token ids instead of text")->delimiter(',');
    command->add_option("--prompts", options->prompts, "A prompt file (JSONL or CSV): each is continued, with draws of its own");
    command->add_option("--messages", options->messages,
                        "A conversation (a JSON list of {\"role\", \"content\"}): the model's answer by its chat template");
    command->add_option("--date", options->date, "The day that a chat template sees, as 2024-07-26 (default: today)");
    command->add_flag("--no-bos", options->no_bos, "Prepend no beginning-of-sequence token");
    command->add_option("--max-new-tokens", how.max_new_tokens, "At most so many");
    command->add_option("--temperature", how.temperature, "0: always the most probable token");
    command->add_option("--top-k", how.top_k, "Draw from the k most probable (0: all)");
    command->add_option("--top-p", how.top_p, "Draw from the smallest set of this probability");
    command->add_option("--seed", common.seed, "Seed of the draws");
    command->add_option("--stop", options->request.stop, "End the text before this (several: repeat)");
    command->add_flag("--ignore-end", options->request.ignore_end, "Go on after the model's end-of-text token");
    command->add_flag("--no-cache", options->no_cache, "Run the whole text at each step: slower, the same result");
    command->add_option("--capture", options->request.sites, "Store the activations of every step: hook names or patterns (with --out)")
        ->delimiter(',');
    command->add_option("--out", options->out, "HDF5 file for --capture");
    command->add_option("--store", options->request.store, "float16, float32 or float64 in that file");
    add_intervention_option(*command, options->interventions);
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
