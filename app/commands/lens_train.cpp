// microtome lens-train --model M --prompts FILE --out FOLDER: a tuned lens for `logit-lens --lens`.
#include "analyses/lens_training.h"

#include "app/commands/cli.h"
#include "app/commands/strongest.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    LensRequest request;
    std::vector<std::string> files;
};

void run(const Options& options, const Common& common) {
    LensRequest request = options.request;
    request.out = common.out;
    request.seed = common.seed;
    request.command = common.command;
    for (const std::string& file : options.files)
        for (Prompt& prompt : read_texts(file)) request.prompts.push_back(std::move(prompt));
    auto session = Session::open(common.model);
    TerminalProgress progress(common.quiet);
    finish_run(train_lens(*session, request, progress), common);
}

}  // namespace

void add_lens_train(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("lens-train", "Train a tuned lens of a model on texts; resumes where it stopped");
    auto options = std::make_shared<Options>();
    LensRequest& r = options->request;
    command->add_option("--prompts", options->files, "Prompt file: JSONL or CSV with text or ids, or pairs (several: repeat)")->required();
    command->add_option("--at", r.at, "Where in each layer: pre (then it reads post as well) or mid");
    command->add_option("--steps", r.steps, "Steps of AdamW");
    command->add_option("--batch-tokens", r.batch_tokens, "Tokens of one step, at most, padding included");
    command->add_option("--length", r.length, "Texts are cut into pieces of so many tokens (0: what context and batch allow)");
    command->add_option("--learning-rate", r.learning_rate, "Warmed up over the first twentieth of the steps, then linear to 0");
    command->add_option("--weight-decay", r.weight_decay, "Pulls the maps towards the logit lens");
    command->add_option("--held-out", r.held_out, "Share of the different prompts that is kept for the test");
    command->add_option("--checkpoint-seconds", r.checkpoint_seconds, "Time between checkpoints");
    command->add_option("--seed", common.seed, "Seed of the order of the texts and of which are held out");
    add_model_options(*command, common);
    add_output_options(*command, common);
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
