// microtome cache --model M --prompts FILE --sites PATTERNS --out acts.h5
#include "analyses/cache.h"

#include <cstdio>

#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    std::string prompts, out;
    std::vector<std::string> prompt;
    CacheRequest request;
    bool estimate = false;
};

std::string bytes_text(std::uint64_t bytes) {
    char text[32];
    double mb = static_cast<double>(bytes) / 1e6;
    std::snprintf(text, sizeof text, mb < 1000 ? "%.1f MB" : "%.2f GB", mb < 1000 ? mb : mb / 1000);
    return text;
}

void run(const Options& options, const Common& common) {
    CacheRequest request = options.request;
    if (!options.prompts.empty()) request.prompts = read_prompts(options.prompts);
    for (const std::string& text : options.prompt) {
        request.prompts.emplace_back();
        request.prompts.back().text = text;
    }
    request.out = options.out;
    if (request.out.empty() && !options.estimate) throw Error("--out", "an HDF5 file to write", "nothing");
    auto session = Session::open(common.model);
    CacheEstimate plan = estimate_cache(*session, request);
    message(common, std::to_string(plan.prompts) + " prompts, " + std::to_string(plan.tokens) + " tokens, " + std::to_string(plan.sites) +
                        " sites: " + bytes_text(plan.bytes) + " on disk");
    if (!options.estimate) {
        TerminalProgress progress(common.quiet);
        write_cache(*session, request, progress);
        message(common, "wrote " + request.out.string());
    }
    if (common.json)
        print_json({{"out", request.out.string()},
                    {"prompts", plan.prompts},
                    {"tokens", plan.tokens},
                    {"sites", plan.sites},
                    {"bytes", plan.bytes}});
}

}  // namespace

void add_cache(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("cache", "Write the activations of prompts to an HDF5 store; streaming and resumable");
    auto options = std::make_shared<Options>();
    command->add_option("--prompts", options->prompts, "Prompt file: JSONL or CSV with text or ids");
    command->add_option("--prompt", options->prompt, "A prompt (several: repeat)");
    command->add_option("--sites", options->request.sites, "Hook names or patterns: 'blocks.*.hook_resid_post' (several: commas or repeat)")
        ->delimiter(',')
        ->required();
    command->add_option("--out", options->out, "HDF5 file to write; NAME.h5.part while it grows");
    command->add_option("--store", options->request.store, "float16, float32 or float64 on disk");
    command->add_option("--batch-tokens", options->request.batch_tokens, "Tokens in one forward pass, at most; bits depend on it");
    command->add_flag("--resume", options->request.resume, "Go on where an earlier run stopped");
    command->add_flag("--estimate", options->estimate, "Say what the store would take, and stop");
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
