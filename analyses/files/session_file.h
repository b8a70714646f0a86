// A session (*.microtome.json): what the app saves and `microtome run` runs. Reading checks everything and names the JSON pointer of a
// mistake.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "analyses/files/prompts.h"
#include "core/base/json.h"

namespace microtome {

/// One intervention as data: what to do where. Types and targets are checked against the model when it is used.
struct Intervention {
    std::string id, type;            // zero mean resample patch noise freeze add scale clamp_feature project_out swap edit_weight
    std::string target;              // "L9.H6.z" or a hook name
    std::string positions = "all";   // "all", "last", "3,5-7", "role:S2", "token: John"
    std::vector<int> heads, layers;  // further restriction; empty: as the target says
    double strength = 1;
    std::string source;
    std::int64_t seed = 0;
    bool enabled = true;
    bool operator==(const Intervention&) const = default;
};

struct SessionModel {
    std::string path = "tinyworld", sha256, dtype = "float32", device = "auto", processing = "raw";
};

struct SessionStep {
    std::string id, run;               // run: the analysis' name
    std::vector<std::string> prompts;  // ids of prompts; empty: all
    std::vector<std::string> use;      // ids of interventions
    Json params = Json::object();      // the analysis' own parameters, flat in the file
};

struct SessionExport {
    std::string step, figure, data;  // of a step
    std::vector<std::string> sites, prompts;
    std::string store;  // an activation store
};

struct SessionFile {
    static constexpr int schema = 1;
    SessionModel model;
    int threads = 0;  // 0: physical cores
    std::int64_t seed = 0;
    std::vector<PromptPair> prompts;
    std::vector<Intervention> interventions;
    std::vector<SessionStep> steps;
    std::vector<SessionExport> exports;
    Json views = Json::object();  // the app's own; ignored headless
    std::string notes;
    std::filesystem::path folder;  // of the file it was read from; not written

    /// A relative path of the file, as seen from `folder`.
    std::filesystem::path resolved(const std::string& path) const;
    /// What to open: a path that exists beside the file or begins with ./ or ../ is resolved, a model's name stays one.
    std::string model_path() const;
};

/// "zero", "mean", … as `type` of an Intervention.
const std::vector<std::string>& intervention_types();
/// "L9.H6.z", "L9.mlp_out", "blocks.9.attn.hook_z", "blocks.*.attn.hook_z", a neuron "L5.mlp.n1234", a feature "L8.sae:NAME.f12";
/// for edit_weight the name of a weight. An Error for anything else; whether the model has it, is checked when it is used.
void check_target(const std::string& type, const std::string& target, const std::string& subject);

Intervention intervention_from_json(const Json& json, const std::string& subject, const std::string& where);
Json to_json(const Intervention& intervention);
/// As typed: `zero L3.H1.z @last`, `add L2.resid_post strength=4 source=love-hate`, or JSON; `id` if it has none.
Intervention intervention_from_text(const std::string& text, const std::string& id, const std::string& subject);
/// Unknown keys, duplicate ids, references to ids that do not exist are Errors. Older schemas are migrated.
SessionFile session_from_json(const Json& json, const std::string& subject);
/// Keys in the documented order, so that `git diff` is readable.
Json to_json(const SessionFile& session);
SessionFile read_session(const std::filesystem::path& file);
void write_session(const std::filesystem::path& file, const SessionFile& session);

}  // namespace microtome
