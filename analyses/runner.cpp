#include "analyses/runner.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <sys/resource.h>

#include <chrono>
#include <ctime>

#include "analyses/files/source.h"
#include "analyses/manifest.h"
#include "analyses/session_impl.h"
#include "analyses/views/serialize.h"
#include "core/base/error.h"
#include "core/base/files.h"

#include <torch/version.h>

namespace microtome {
namespace {

std::int64_t peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return std::int64_t{usage.ru_maxrss} * 1024;
}

// Token ids of every prompt that the parameters hold: what was really run.
Json token_ids(const Session& session, const Json& params) {
    Json out = Json::array();
    if (!params.contains("prompts")) return out;
    for (const Json& prompt : params["prompts"]) {
        if (prompt.contains("clean") || prompt.contains("clean_ids")) {
            ResolvedPair pair = resolve(session, pair_from_json(prompt, "prompts", ""), false, false);
            out.push_back({{"clean", pair.clean}, {"corrupt", pair.corrupt}, {"answer", pair.answers}, {"foil", pair.foils}});
        } else {
            out.push_back(resolve(session, prompt_from_json(prompt, "prompts", "")));
        }
    }
    return out;
}

// Without prompts of a session, interventions name those of the run.
std::vector<PromptPair> named_in(const Json& params) {
    std::vector<PromptPair> out;
    if (!params.contains("prompts")) return out;
    for (const Json& prompt : params["prompts"]) {
        if (prompt.contains("clean") || prompt.contains("clean_ids")) {
            out.push_back(pair_from_json(prompt, "prompts", ""));
            continue;
        }
        out.push_back(named_prompts({prompt_from_json(prompt, "prompts", "")})[0]);
    }
    return out;
}

// SHA-256 of the files that interventions read.
Json source_hashes(const std::vector<Intervention>& interventions) {
    Json out = Json::object();
    for (const Intervention& i : interventions) {
        if (!names_a_file(i.source)) continue;
        std::string path = parse_source_file(i.source.starts_with("position:") ? i.source.substr(9) : i.source).path;
        out[path] = sha256_file(path);
    }
    return out;
}

// A bundled model is where the program is, not where it was on the machine of this run.
std::string path_of(const ModelFacts& facts) {
    try {
        for (const auto& [name, bundled] : bundled_models())
            if (std::filesystem::absolute(bundled).lexically_normal() == std::filesystem::path(facts.path))
                return "resources/models/" + name;
    } catch (const Error&) {  // a program moved away from its resources
    }
    return facts.path;
}

Json model_json(const Session& session) {
    const ModelFacts& f = session.facts();
    return {{"name", f.name},
            {"path", path_of(f)},
            {"sha256", f.sha256},
            {"tokenizer_sha256", session.impl().tokenizer_sha256},
            {"processing", f.processing},
            {"dtype", f.dtype},
            {"device", f.device}};
}

}  // namespace

Json record_manifest(const Session& session, const Result& result, const RunRequest& request, double seconds) {
    Json interventions = Json::array();
    for (const Intervention& i : request.interventions) interventions.push_back(to_json(i));
    Json manifest{{"schema", 1},
                  {"tool", "microtome " MICROTOME_VERSION},
                  {"command", request.command},
                  {"analysis", result.analysis},
                  {"params", request.params},
                  {"interventions", interventions},
                  {"model", model_json(session)},
                  {"threads", session.impl().threads},
                  {"seed", request.seed},
                  {"token_ids", token_ids(session, request.params)},
                  {"complete", result.complete},
                  {"result_sha256", sha256(result_to_json(result, SIZE_MAX).dump())},
                  {"libraries", {{"torch", TORCH_VERSION}}},
                  {"seconds", {{"load", session.impl().load_seconds}, {"run", seconds}}},
                  {"peak_memory_bytes", peak_memory()}};
    if (!request.interventions.empty() && !request.named.empty()) {
        Json prompts = Json::array();
        for (const PromptPair& pair : request.named) prompts.push_back(to_json(pair));
        manifest["named_prompts"] = prompts;
    }
    for (const auto& [name, text] : result.stamps) manifest[name] = text;
    Json sources = source_hashes(request.interventions);
    if (!sources.empty()) manifest["sources"] = sources;
    return manifest;
}

RunRecord run_analysis(Session& session, const RunRequest& request, RunProgress& progress) {
    c10::AutoGradMode without_gradients(false);
    const Analysis& analysis = find_analysis(request.analysis);
    RunRequest complete = request;
    for (const FieldInfo& field : analysis.params())
        if (field.name == "seed" && !complete.params.contains("seed")) complete.params["seed"] = request.seed;
    complete.params = analysis.complete(complete.params);
    session.set_interventions(request.interventions, request.named.empty() ? named_in(complete.params) : request.named);
    auto start = std::chrono::steady_clock::now();
    RunRecord record;
    record.result = analysis.run(session, complete.params, progress);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    record.manifest = record_manifest(session, record.result, complete, seconds);
    return record;
}

void write_record(const std::filesystem::path& folder, const RunRecord& record) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) throw Error(folder.string(), "a folder that can be made", failed.message());
    write_result(folder, record.result);
    write_json(folder / "manifest.json", record.manifest);
}

RunRequest request_of(const SessionFile& session, const SessionStep& step) {
    RunRequest request;
    request.analysis = step.run;
    request.params = step.params;
    request.seed = session.seed;
    bool takes_pairs = false, takes_prompts = false;
    for (const FieldInfo& field : find_analysis(step.run).params()) {
        takes_pairs = takes_pairs || field.type == "pairs";
        takes_prompts = takes_prompts || field.type == "prompts";
    }
    Json prompts = Json::array();
    for (const PromptPair& pair : session.prompts) {
        bool used = step.prompts.empty() || std::find(step.prompts.begin(), step.prompts.end(), pair.id) != step.prompts.end();
        if (!used) continue;
        if (takes_pairs)
            prompts.push_back(to_json(pair));
        else if (pair.clean_ids.empty())
            prompts.push_back({{"text", pair.clean}});
        else
            prompts.push_back({{"ids", pair.clean_ids}});
        if (!takes_pairs && pair.prepend_bos) prompts.back()["prepend_bos"] = *pair.prepend_bos;
    }
    if ((takes_pairs || takes_prompts) && !prompts.empty()) request.params["prompts"] = prompts;
    if (request.params.contains("lens") && request.params["lens"].is_string())
        if (const std::string lens = request.params["lens"]; !lens.empty()) request.params["lens"] = session.resolved(lens).string();
    for (const Intervention& i : session.interventions)
        if (i.enabled && std::find(step.use.begin(), step.use.end(), i.id) != step.use.end()) {
            request.interventions.push_back(i);
            request.interventions.back().source = source_from(session.folder.string(), i.source);
        }
    if (!request.interventions.empty()) request.named = session.prompts;
    return request;
}

}  // namespace microtome
