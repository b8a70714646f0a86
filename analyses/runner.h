// Runs an analysis and stamps its provenance: the same code path for the command, sessions and the app.
#pragma once

#include "analyses/analysis.h"
#include "analyses/session.h"

namespace microtome {

struct RunRecord {
    Result result;
    Json manifest;  // everything `replay` needs: command, parameters with defaults, model hash, dtype, token ids, versions, seconds, memory
};

struct RunRequest {
    std::string analysis;
    Json params = Json::object();
    std::vector<Intervention> interventions;
    std::int64_t seed = 0;
    std::vector<std::string> command;  // as typed, for the manifest
    std::vector<PromptPair> named;  // prompts that interventions can name; none: those of the parameters
};

RunRecord run_analysis(Session& session, const RunRequest& request, RunProgress& progress);
/// manifest.json beside the result files.
void write_record(const std::filesystem::path& folder, const RunRecord& record);

/// The parameters a session's step stands for: its own, its prompts put in (as "prompts"), and the interventions it uses.
RunRequest request_of(const SessionFile& session, const SessionStep& step);

}  // namespace microtome
