// microtome run SESSION.json: every step and export of a session that the app saved.
#include "analyses/bundled_sessions.h"
#include "analyses/cache.h"
#include "analyses/views/serialize.h"
#include "app/commands/cli.h"
#include "app/commands/strongest.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::string session, model;
    bool download = false;
};

ModelOptions model_of(const SessionFile& file, const Common& common, const std::string& override_model) {
    ModelOptions options = common.model;
    options.model = override_model.empty() ? file.model_path() : override_model;
    options.dtype = file.model.dtype;
    options.device = file.model.device;
    options.processing = file.model.processing;
    if (common.model.threads == 0) options.threads = file.threads;
    return options;
}

void export_step(const SessionExport& wanted, const RunRecord& record, const fs::path& folder) {
    if (!wanted.figure.empty()) {
        fs::path file = folder / wanted.figure;
        fs::create_directories(file.parent_path());
        write_figure(file, record.result.views.front(), record.manifest);
    }
    if (!wanted.data.empty()) {
        fs::path file = folder / wanted.data;
        fs::create_directories(file.parent_path());
        write_file(file, view_to_csv(record.result.views.front().view));
    }
}

void export_store(const SessionExport& wanted, const SessionFile& file, Session& session, const fs::path& folder,
                  TerminalProgress& progress) {
    CacheRequest request;
    request.sites = wanted.sites;
    request.out = folder / wanted.store;
    request.resume = fs::exists(request.out.string() + ".part");
    for (const PromptPair& pair : file.prompts) {
        bool used = wanted.prompts.empty() || std::find(wanted.prompts.begin(), wanted.prompts.end(), pair.id) != wanted.prompts.end();
        if (!used) continue;
        for (bool clean : {true, false}) {
            if (!clean && pair.corrupt.empty() && pair.corrupt_ids.empty()) continue;
            Prompt prompt;
            prompt.text = clean ? pair.clean : pair.corrupt;
            prompt.ids = clean ? pair.clean_ids : pair.corrupt_ids;
            prompt.prepend_bos = pair.prepend_bos;
            request.prompts.push_back(prompt);
        }
    }
    fs::create_directories(request.out.parent_path());
    if (fs::exists(request.out)) fs::remove(request.out);  // an export is made anew, as a figure is
    session.set_interventions({});
    write_cache(session, request, progress);
}

// Every step's parameters, before the first one runs for an hour.
void check_steps(const SessionFile& file, const std::string& subject) {
    for (std::size_t i = 0; i < file.steps.size(); ++i) {
        try {
            RunRequest request = request_of(file, file.steps[i]);
            find_analysis(request.analysis).complete(request.params);
        } catch (const Error& error) {
            throw error.within(subject + "#/steps/" + std::to_string(i));
        }
    }
}

void run(const Options& options, const Common& common) {
    const fs::path bundled = bundled_session(options.session);
    SessionFile file = read_session(bundled.empty() ? fs::path(options.session) : bundled);
    check_steps(file, options.session);
    // A session's exports lie beside it; those of one that came with the program, here.
    fs::path folder = !common.out.empty() ? fs::path(common.out) : bundled.empty() ? fs::path(options.session).parent_path() : fs::path();
    if (folder.empty()) folder = ".";
    const ModelOptions model = model_of(file, common, options.model);
    if (options.download) download_if_missing(model.model, common);
    auto session = Session::open(model);
    if (!file.model.sha256.empty() && file.model.sha256 != session->facts().sha256 && options.model.empty())
        throw Error(options.session + "#/model/sha256",
                    session->facts().sha256 + " (the model at " + file.model.path + "; --model PATH chooses another)", file.model.sha256);
    TerminalProgress progress(common.quiet);
    Json steps = Json::array();
    for (const SessionStep& step : file.steps) {
        RunRequest request = request_of(file, step);
        request.command = common.command;
        RunRecord record = run_analysis(*session, request, progress);
        message(common, step.id + ": " + step.run + (record.result.complete ? " done" : " stopped"));
        if (!common.out.empty()) write_record(folder / step.id, record);
        for (const SessionExport& wanted : file.exports)
            if (wanted.step == step.id && record.result.complete) export_step(wanted, record, folder);
        if (common.json) {
            steps.push_back(result_to_json(record.result, SIZE_MAX));
            steps.back()["id"] = step.id;
        }
        if (!record.result.complete) throw Cancelled();
    }
    for (const SessionExport& wanted : file.exports)
        if (!wanted.store.empty()) export_store(wanted, file, *session, folder, progress);
    if (common.json) print_json({{"session", options.session}, {"steps", steps}});
}

}  // namespace

void add_run(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("run", "Run a session: every step and export that it holds");
    auto options = std::make_shared<Options>();
    command
        ->add_option("SESSION", options->session, "Session file (*.microtome.json), or the name of a bundled one (microtome list sessions)")
        ->required();
    command->add_option("--model", options->model, "Another model than the session names");
    command->add_flag("--download", options->download, "Fetch the model from the hub if it is not on this computer");
    command->add_option("--threads", common.model.threads, "Threads (0: as the session says)");
    add_output_options(*command, common);
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
