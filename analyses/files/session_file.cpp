#include "analyses/files/session_file.h"

#include <algorithm>
#include <array>
#include <set>

#include "analyses/files/step_keys.h"
#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

using Names = std::vector<std::string>;
using Ids = std::set<std::string>;

// Schema 0, of the development versions, called the corrupted prompt "corrupted".
Json from_schema_0(Json json) {
    if (!json.contains("prompts") || !json["prompts"].is_array()) return json;
    for (Json& prompt : json["prompts"]) {
        if (!prompt.is_object()) continue;
        Json renamed = Json::object();
        for (auto& [key, value] : prompt.items()) renamed[key == "corrupted" ? "corrupt" : key] = value;
        prompt = std::move(renamed);
    }
    return json;
}

// migrations[i] turns schema i into i + 1.
constexpr std::array<Json (*)(Json), SessionFile::schema> migrations{from_schema_0};

Json migrated(Json json, const std::string& subject) {
    JsonReader reader(json, subject);
    std::int64_t schema = reader.integer("schema");
    if (schema < 0 || schema > SessionFile::schema)
        throw Error(reader.pointer("schema"), "a schema up to " + std::to_string(SessionFile::schema) + ", which this version reads",
                    std::to_string(schema));
    for (auto i = static_cast<std::size_t>(schema); i < migrations.size(); ++i) json = migrations[i](std::move(json));
    json["schema"] = SessionFile::schema;
    return json;
}

std::string choice(JsonReader& reader, const std::string& key, const std::string& fallback, const Names& known) {
    std::string value = reader.string(key, fallback);
    if (std::find(known.begin(), known.end(), value) == known.end())
        throw Error(reader.pointer(key), joined(known), with_suggestion(value, known));
    return value;
}

bool is_device(std::string_view name) {
    if (name == "auto" || name == "cpu" || name == "cuda") return true;
    if (!name.starts_with("cuda:") || name.size() == 5 || name.size() > 8) return false;
    return std::all_of(name.begin() + 5, name.end(), [](unsigned char c) { return std::isdigit(c); });
}

SessionModel read_model(JsonReader reader) {
    SessionModel model;
    model.path = reader.string("path");
    if (model.path.empty()) throw Error(reader.pointer("path"), "a model's name or path", "\"\"");
    model.sha256 = reader.string("sha256", "");
    model.dtype = choice(reader, "dtype", model.dtype, {"float32", "float64", "bfloat16", "float16"});
    model.device = reader.string("device", model.device);
    if (!is_device(model.device)) throw Error(reader.pointer("device"), "auto, cpu or cuda[:N]", "\"" + model.device + "\"");
    model.processing = reader.string("processing", model.processing);
    reader.done();
    return model;
}

// A list of strings; with `ids`, each one of them.
Names names_at(JsonReader& reader, const std::string& key, const Ids* ids = nullptr) {
    Names names;
    if (!reader.has(key)) return names;
    const Json& list = reader.at(key);
    if (!list.is_array()) throw Error(reader.pointer(key), "a list of strings", list.type_name());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string pointer = reader.pointer(key) + "/" + std::to_string(i);
        if (!list[i].is_string()) throw Error(pointer, "a string", list[i].type_name());
        names.push_back(list[i].get<std::string>());
        if (ids && !ids->contains(names.back()))
            throw Error(pointer, "an id of this session", with_suggestion(names.back(), {ids->begin(), ids->end()}));
    }
    return names;
}

SessionStep read_step(const Json& json, const std::string& subject, const std::string& where, const Ids& prompts,
                      const Ids& interventions) {
    JsonReader reader(json, subject, where);
    SessionStep step;
    step.id = reader.string("id");
    // Steps name the folders and files of their results.
    if (step.id.empty() || step.id.size() > 100 || step.id[0] == '.' ||
        !std::all_of(step.id.begin(), step.id.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; }))
        throw Error(reader.pointer("id"), "letters, digits, - _ or . (not first)", "\"" + step.id + "\"");
    step.run = reader.string("run");
    step.prompts = names_at(reader, "prompts", &prompts);
    step.use = names_at(reader, "use", &interventions);
    for (const auto& [key, value] : json.items())
        if (!is_step_key(key)) step.params[key] = value;
    if (reader.has("params"))
        for (const auto& [key, value] : reader.object("params").value().items()) step.params[key] = value;
    return step;
}

SessionExport read_export(const Json& json, const std::string& subject, const std::string& where, const Ids& prompts, const Ids& steps) {
    JsonReader reader(json, subject, where);
    SessionExport out;
    if (reader.has("step")) {
        out.step = reader.string("step");
        if (!steps.contains(out.step))
            throw Error(reader.pointer("step"), "the id of a step", with_suggestion(out.step, {steps.begin(), steps.end()}));
        out.figure = reader.string("figure", "");
        out.data = reader.string("data", "");
        if (out.figure.empty() && out.data.empty()) throw Error(subject + "#" + where, "a figure or data to write", "neither");
    } else {
        out.sites = names_at(reader, "sites");
        if (out.sites.empty()) throw Error(subject + "#" + where, "a step, or sites to store", "neither");
        out.prompts = names_at(reader, "prompts", &prompts);
        out.store = reader.string("store");
        if (out.store.empty()) throw Error(reader.pointer("store"), "a file name", "\"\"");
    }
    reader.done();
    return out;
}

// Calls read(element, pointer) for each element of the list at `key`, which may be missing.
template <class Read>
void each(JsonReader& reader, const std::string& key, Read read) {
    if (!reader.has(key)) return;
    const Json& list = reader.at(key);
    if (!list.is_array()) throw Error(reader.pointer(key), "a list", list.type_name());
    for (std::size_t i = 0; i < list.size(); ++i) read(list[i], "/" + key + "/" + std::to_string(i));
}

void note_id(Ids& ids, const std::string& id, const std::string& pointer) {
    if (id.empty()) throw Error(pointer + "/id", "a name", "nothing");
    if (!ids.insert(id).second) throw Error(pointer + "/id", "an id that is used once", "\"" + id + "\" again");
}

}  // namespace

SessionFile session_from_json(const Json& given, const std::string& subject) {
    const Json json = migrated(given, subject);
    JsonReader reader(json, subject);
    reader.at("schema");
    SessionFile session;
    if (reader.has("model")) session.model = read_model(reader.object("model"));
    std::int64_t threads = reader.integer("threads", 0);
    if (threads < 0 || threads > 4096) throw Error(reader.pointer("threads"), "0 (physical cores) to 4096", std::to_string(threads));
    session.threads = static_cast<int>(threads);
    session.seed = reader.integer("seed", 0);
    Ids prompts, interventions, steps;
    each(reader, "prompts", [&](const Json& j, const std::string& where) {
        session.prompts.push_back(pair_from_json(j, subject, where, false));
        note_id(prompts, session.prompts.back().id, subject + "#" + where);
    });
    each(reader, "interventions", [&](const Json& j, const std::string& where) {
        session.interventions.push_back(intervention_from_json(j, subject, where));
        note_id(interventions, session.interventions.back().id, subject + "#" + where);
    });
    each(reader, "steps", [&](const Json& j, const std::string& where) {
        session.steps.push_back(read_step(j, subject, where, prompts, interventions));
        note_id(steps, session.steps.back().id, subject + "#" + where);
    });
    each(reader, "exports",
         [&](const Json& j, const std::string& where) { session.exports.push_back(read_export(j, subject, where, prompts, steps)); });
    if (reader.has("views")) session.views = reader.object("views").value();
    session.notes = reader.string("notes", "");
    reader.done();
    return session;
}

SessionFile read_session(const std::filesystem::path& file) {
    SessionFile session = session_from_json(read_json(file), file.string());
    session.folder = file.parent_path();
    return session;
}

std::filesystem::path SessionFile::resolved(const std::string& path) const {
    return folder / path;  // an absolute path stays as it is
}

std::string SessionFile::model_path() const {
    std::error_code ignored;
    const bool here =
        model.path.starts_with("./") || model.path.starts_with("../") || std::filesystem::exists(folder / model.path, ignored);
    return here ? resolved(model.path).string() : model.path;
}

}  // namespace microtome
