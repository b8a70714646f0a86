// microtome info MODEL: configuration, parameters, hash, tokenizer, numerics, memory.
#include "analyses/session_impl.h"
#include "app/commands/cli.h"

namespace microtome {
namespace {

struct Options {
    std::string model;
};

Json info_json(const Session& session) {
    const ModelFacts& f = session.facts();
    const ModelConfig& c = session.impl().model.config;
    Json json{{"name", f.name},
              {"path", f.path},
              {"sha256", f.sha256},
              {"architecture", f.architecture},
              {"parameters", f.parameters},
              {"n_layers", f.n_layers},
              {"n_heads", f.n_heads},
              {"n_kv_heads", f.n_kv_heads},
              {"d_model", f.d_model},
              {"d_head", f.d_head},
              {"d_mlp", f.d_mlp},
              {"d_vocab", f.d_vocab},
              {"n_ctx", f.n_ctx},
              {"norm", name_of(c.norm)},
              {"positions", name_of(c.positions)},
              {"mlp", name_of(c.mlp)}};
    if (c.mlp != MlpKind::none) json["activation"] = name_of(c.activation);
    json["parallel"] = c.parallel;
    json["tied"] = c.tied;
    json["processing"] = f.processing;
    json["dtype"] = f.dtype;
    json["device"] = f.device;
    if (session.has_tokenizer())
        json["tokenizer"] = {{"kind", f.tokenizer},
                             {"sha256", session.impl().tokenizer_sha256},
                             {"vocab_size", session.impl().tokenizer->vocab_size()},
                             {"prepends_bos", f.prepends_bos}};
    else
        json["tokenizer"] = nullptr;
    json["weight_bytes"] = f.parameters * static_cast<std::int64_t>(c10::elementSize(session.impl().model.dtype()));
    json["load_seconds"] = session.impl().load_seconds;
    return json;
}

void run(const Options& options, Common& common) {
    if (!options.model.empty()) common.model.model = options.model;
    auto session = Session::open(common.model);
    Json json = info_json(*session);
    if (common.json) {
        print_json(json);
        return;
    }
    std::vector<std::vector<std::string>> rows;
    auto text = [](const Json& part) { return part.is_string() ? part.get<std::string>() : part.is_null() ? "none" : part.dump(); };
    for (const auto& [key, value] : json.items()) {
        if (!value.is_object()) rows.push_back({key, text(value)});
        if (value.is_object())
            for (const auto& [inner, part] : value.items()) rows.push_back({key + "." + inner, text(part)});
    }
    print_rows(rows);
}

}  // namespace

void add_info(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("info", "What a model is: configuration, parameters, hash, tokenizer, numerics");
    auto options = std::make_shared<Options>();
    command->add_option("MODEL", options->model, "Bundled name, model folder, or name in the local hub cache");
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
