// microtome cache --model M --prompts FILE --sites PATTERNS --out acts.h5
#include "analyses/cache.h"

#include <cstdio>

#include "analyses/files/prompt_filter.h"
#include "analyses/shared_work.h"
#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    std::string prompts, out;
    std::vector<std::string> prompt, where, interventions;
    std::uint64_t limit = 0;
    CacheRequest request;
    bool estimate = false;
};

CacheRequest request_of(const Options& options) {
    CacheRequest request = options.request;
    if (!options.prompts.empty()) request.prompts = read_prompts(options.prompts);
    for (const std::string& text : options.prompt) {
        request.prompts.emplace_back();
        request.prompts.back().text = text;
    }
    if (!request.prompts.empty()) request.prompts = choose_prompts(std::move(request.prompts), options.where, options.limit);
    request.out = options.out;
    if (request.out.empty() && !options.estimate) throw Error("--out", "an HDF5 file to write", "nothing");
    return request;
}

std::string summary_of(const CacheEstimate& plan, const CacheRequest& request) {
    std::string text = std::to_string(plan.prompts) + " prompts, " + std::to_string(plan.tokens) + " tokens";
    if (request.positions != "all") text += " (" + std::to_string(plan.kept) + " kept)";
    text += ", " + std::to_string(plan.sites) + " sites: " + bytes_text(plan.bytes) + " on disk";
    return text + (request.compress > 0 ? " before compression" : "");
}

void print_estimate(const CacheEstimate& plan) {
    std::vector<std::vector<std::string>> rows{{"site", "shape", "bytes", ""}};
    for (const SiteEstimate& site : plan.by_site)
        rows.push_back({site.name, site.shape, std::to_string(site.bytes), bytes_text(site.bytes)});
    rows.push_back({"in all, with prompts and index", "", std::to_string(plan.bytes), bytes_text(plan.bytes)});
    print_rows(rows);
}

Json json_of(const CacheEstimate& plan, const CacheRequest& request) {
    Json sites = Json::object();
    for (const SiteEstimate& site : plan.by_site) sites[site.name] = site.bytes;
    Json json{{"out", request.out.string()}, {"prompts", plan.prompts}, {"tokens", plan.tokens}, {"kept", plan.kept},
              {"sites", plan.sites},         {"bytes", plan.bytes},     {"bytes_by_site", sites}};
    std::error_code none;
    if (const auto size = std::filesystem::file_size(request.out, none); !none) json["file_bytes"] = size;
    return json;
}

void run(const Options& options, const Common& common) {
    const CacheRequest request = request_of(options);
    auto interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    session->set_interventions(interventions, named_prompts(request.prompts));
    share_work(*session, common.ranks.get());
    const CacheEstimate plan = estimate_cache(*session, request);
    if (options.estimate && !common.json) return print_estimate(plan);
    message(common, summary_of(plan, request));
    if (!options.estimate) {
        TerminalProgress progress(common.quiet);
        write_cache(*session, request, progress);
        message(common, "wrote " + request.out.string());
    }
    if (common.json) print_json(json_of(plan, request));
}

}  // namespace

void add_cache(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("cache", "Write the activations of prompts to an HDF5 store; streaming and resumable");
    auto options = std::make_shared<Options>();
    command->add_option("--prompts", options->prompts, "Prompt file: JSONL or CSV with text or ids");
    command->add_option("--prompt", options->prompt, "A prompt (several: repeat)");
    command->add_option("--where", options->where, "Only prompts with label=TEXT or group=TEXT (several: repeat)");
    command->add_option("--limit", options->limit, "At most so many prompts, the first ones (0: all)");
    command->add_option("--sites", options->request.sites, "Hook names or patterns: 'blocks.*.hook_resid_post' (several: commas or repeat)")
        ->delimiter(',')
        ->required();
    command->add_option("--positions", options->request.positions, "Tokens to keep: all, last, 3,5-7, -1, role:NAME or 'token: TEXT'");
    command->add_option("--out", options->out, "HDF5 file to write; NAME.h5.part while it grows");
    command->add_option("--store", options->request.store, "float16, float32 or float64 on disk");
    command->add_option("--compress", options->request.compress, "Deflate level, 1 to 9 (0: off)");
    command->add_option("--batch-tokens", options->request.batch_tokens, "Tokens in one forward pass, at most; bits depend on it");
    command->add_flag("--resume", options->request.resume, "Go on where an earlier run stopped");
    command->add_option("--flush-every", options->request.flush_every, "Seconds of work that a kill may cost (0: one batch)")
        ->check(CLI::Range(0.0, 3600.0));
    command->add_flag("--estimate", options->estimate, "Say what each site and all together would take, and stop");
    add_intervention_option(*command, options->interventions);
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
