// microtome download NAME: a model of the hub, into the local hub cache; and --download, which does so for a --model that is not here.
#include "core/hub/download.h"

#include <csignal>
#include <cstdio>

#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/models/model.h"

namespace microtome {
namespace {

struct Options {
    std::string name, revision;
    std::vector<std::string> files;
    bool list = false;
};

Downloaded fetch(const DownloadRequest& request, const Common& common) {
    std::signal(SIGPIPE, SIG_IGN);  // a connection that the other side closed is an answer, not the program's end
    TerminalProgress progress(common.quiet);
    return download_model(request, progress);
}

void run(const Options& options, const Common& common) {
    DownloadRequest request{HubName::of(options.name), options.files, options.list};
    if (!options.revision.empty()) request.model.revision = options.revision;
    const Downloaded got = fetch(request, common);
    std::int64_t bytes = 0;
    Json files = Json::array();
    std::vector<std::vector<std::string>> rows{{"file", "bytes", ""}};
    for (const DownloadedFile& file : got.files) {
        if (file.fetched) bytes += file.bytes;
        files.push_back({{"name", file.name}, {"bytes", file.bytes}, {options.list ? "missing" : "fetched", file.fetched}});
        rows.push_back({file.name, std::to_string(file.bytes), file.fetched ? "" : "here"});
    }
    if (common.json) {
        print_json({{"model", request.model.name},
                    {"revision", request.model.revision},
                    {"commit", got.commit},
                    {"folder", got.folder.string()},
                    {"files", files},
                    {options.list ? "missing_bytes" : "fetched_bytes", bytes}});
    } else if (options.list) {
        print_rows(rows);
        std::printf("%s to fetch\n", bytes_text(static_cast<std::uint64_t>(bytes)).c_str());
    } else {
        message(common, bytes == 0 ? "nothing to fetch: all of it is here" : "fetched " + bytes_text(static_cast<std::uint64_t>(bytes)));
        std::printf("%s\n", got.folder.c_str());
    }
}

bool is_here(const std::string& model) {
    try {
        const std::filesystem::path found = locate_model(model);
        return found != in_hub_cache(model) || has_whole_model(found);  // a snapshot may hold a part of its model
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

void download_if_missing(const std::string& model, const Common& common) {
    if (is_here(model)) return;
    if (HubName::of(model).valid()) fetch({HubName::of(model), {}}, common);  // otherwise the loader says what is wrong with the name
}

void add_download(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("download", "Fetch a model from the hub (HF_ENDPOINT, HF_TOKEN) into the local hub cache");
    auto options = std::make_shared<Options>();
    command->add_option("NAME", options->name, "ORGANISATION/NAME, or ORGANISATION/NAME@REVISION")->required();
    command->add_option("--revision", options->revision, "A branch, tag or commit (default: main)");
    command->add_option(
        "--file", options->files,
        "Files that match a pattern ('blocks.8.*/*') instead of configuration, tokenizer and safetensors (several: repeat)");
    command->add_flag("--list", options->list, "Say which files there are to fetch, and fetch none");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
