#include "analyses/files/session_file.h"
#include "analyses/files/step_keys.h"

namespace microtome {
namespace {

Json to_json(const SessionModel& model) {
    Json json = {{"path", model.path}};
    if (!model.sha256.empty()) json["sha256"] = model.sha256;
    json["dtype"] = model.dtype;
    json["device"] = model.device;
    if (model.processing != SessionModel().processing) json["processing"] = model.processing;
    return json;
}

Json to_json(const SessionStep& step) {
    Json json = {{"id", step.id}, {"run", step.run}};
    for (const auto& [key, value] : step.params.items()) (is_step_key(key) ? json["params"] : json)[key] = value;
    if (!step.prompts.empty()) json["prompts"] = step.prompts;
    if (!step.use.empty()) json["use"] = step.use;
    return json;
}

Json to_json(const SessionExport& exported) {
    Json json = Json::object();
    if (!exported.step.empty()) json["step"] = exported.step;
    if (!exported.figure.empty()) json["figure"] = exported.figure;
    if (!exported.data.empty()) json["data"] = exported.data;
    if (!exported.sites.empty()) json["sites"] = exported.sites;
    if (!exported.prompts.empty()) json["prompts"] = exported.prompts;
    if (!exported.store.empty()) json["store"] = exported.store;
    return json;
}

template <class T>
Json list_json(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(to_json(value));
    return list;
}

}  // namespace

Json to_json(const SessionFile& session) {
    Json json = {{"schema", SessionFile::schema}};
    json["model"] = to_json(session.model);
    json["threads"] = session.threads;
    json["seed"] = session.seed;
    json["prompts"] = list_json(session.prompts);
    json["interventions"] = list_json(session.interventions);
    json["steps"] = list_json(session.steps);
    json["exports"] = list_json(session.exports);
    json["views"] = session.views;
    json["notes"] = session.notes;
    return json;
}

void write_session(const std::filesystem::path& file, const SessionFile& session) {
    write_json(file, to_json(session));
}

}  // namespace microtome
