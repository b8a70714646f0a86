// microtome gradients --model M --pairs FILE --sites PATTERNS --metric logit_diff --out grads.h5
#include "analyses/gradients.h"

#include "analyses/shared_work.h"
#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    GradientRequest request;
    std::string pairs, out, run = "corrupt";
    PromptPair pair;
    std::vector<std::string> interventions;
};

void run(const Options& options, const Common& common) {
    GradientRequest request = options.request;
    request.out = options.out;
    request.corrupt = options.run == "corrupt";
    if (!options.pairs.empty()) request.pairs = read_pairs(options.pairs);
    if (!options.pair.clean.empty() || !options.pair.corrupt.empty()) {
        if (!options.pairs.empty()) throw Error("--clean", "either --pairs or --clean and --corrupt", "both");
        if (options.pair.clean.empty() || options.pair.corrupt.empty())
            throw Error(options.pair.clean.empty() ? "--clean" : "--corrupt", "a prompt", "nothing");
        request.pairs = {options.pair};
    }
    auto interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    session->set_interventions(interventions, request.pairs);
    share_work(*session, common.ranks.get());
    TerminalProgress progress(common.quiet);
    GradientOutcome out = write_gradients(*session, request, progress);
    std::string name = request.metric_expr.empty() ? request.metric : request.metric_expr;
    message(common, name + " " + std::to_string(out.metric) + ", mean over " + std::to_string(out.prompts) + " prompts");
    message(common, "wrote " + options.out + ": /activations and /gradients, " + std::to_string(out.sites) + " sites");
    if (common.json)
        print_json({{"out", options.out}, {"prompts", out.prompts}, {"tokens", out.tokens}, {"sites", out.sites}, {"metric", out.metric}});
}

}  // namespace

void add_gradients(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand(
        "gradients", "Write the gradient of a metric by each activation to an HDF5 store, beside the activations; resumable");
    auto options = std::make_shared<Options>();
    command->add_option("--pairs", options->pairs, "Prompt file: JSONL or CSV with clean, corrupt, answer, foil");
    command->add_option("--clean", options->pair.clean, "The clean prompt");
    command->add_option("--corrupt", options->pair.corrupt, "The corrupted prompt, of as many tokens");
    command->add_option("--answer", options->pair.answer, "The token that the clean prompt calls for (several: repeat)");
    command->add_option("--foil", options->pair.foil, "The token that it is compared with (several: repeat)");
    command->add_option("--run", options->run, "The prompt that is run: clean or corrupt")->check(CLI::IsMember({"clean", "corrupt"}));
    command->add_option("--sites", options->request.sites, "Hook names or patterns: 'blocks.*.hook_resid_post' (several: commas or repeat)")
        ->delimiter(',')
        ->required();
    command->add_option("--metric", options->request.metric, "Whose gradient: a name of `microtome list metrics`, but rank");
    command->add_option("--metric-expr", options->request.metric_expr, "Or an expression: logit(answer) - logit(foil)");
    command->add_option("--out", options->out, "HDF5 file to write; NAME.h5.part while it grows")->required();
    command->add_option("--store", options->request.store, "float16, float32 or float64 on disk");
    command->add_option("--compress", options->request.compress, "Deflate level, 1 to 9 (0: off)");
    command->add_option("--batch-tokens", options->request.batch_tokens, "Tokens in one pass, at most; bits depend on it");
    command->add_flag("--resume", options->request.resume, "Go on where an earlier run stopped");
    command->add_option("--flush-every", options->request.flush_every, "Seconds of work that a kill may cost (0: one batch)")
        ->check(CLI::Range(0.0, 3600.0));
    add_intervention_option(*command, options->interventions);
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
