// microtome info MODEL: configuration, parameters, hash, tokenizer, numerics, memory.
#include <algorithm>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/models/size.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Options {
    std::string sites;
    std::int64_t tokens = 0, batch = 1;
};

Json counts_json(const PartCounts& n, bool whole) {
    if (!whole) return {{"attention", n.attention}, {"mlp", n.mlp}, {"norms", n.norms}};
    return {{"embedding", n.embedding}, {"positions", n.positions},     {"attention", n.attention}, {"mlp", n.mlp},
            {"norms", n.norms},         {"unembedding", n.unembedding}, {"total", n.total()}};
}

Json rotary_json(const Rotary& r) {
    Json json{{"dimensions", r.dim}, {"base", r.base}, {"pairs", r.interleaved ? "neighbours" : "halves"}, {"scaling", name_of(r.kind)}};
    if (r.kind != RotaryKind::plain) json["factor"] = r.factor;
    return json;
}

// What makes this composition another than its neighbours.
void add_composition(Json& json, const ModelConfig& c) {
    if (c.positions == Positions::rotary) json["rotary"] = rotary_json(c.rotary);
    if (std::any_of(c.windows.begin(), c.windows.end(), [](int w) { return w > 0; })) json["windows"] = c.windows;
    if (c.qk_norm) json["qk_norm"] = true;
    if (c.post_norms) json["post_norms"] = true;
    if (c.score_cap > 0) json["score_cap"] = c.score_cap;
    if (c.logit_cap > 0) json["logit_cap"] = c.logit_cap;
}

Json parity_json(const std::string& architecture) {
    const Parity* parity = parity_of(architecture);
    if (!parity) return nullptr;
    return {{"reference", parity->reference}, {"compared", parity->compared}, {"float32", parity->float32}, {"float64", parity->float64}};
}

Json memory_json(const Session& session, const Options& options) {
    std::vector<SiteRef> sites;
    const Transformer& model = session.impl().model;
    if (!options.sites.empty()) sites = match_sites(model.config, {options.sites});
    MemoryEstimate bytes = predict_memory(model, options.batch, options.tokens, sites);
    return {{"tokens", options.tokens},
            {"batch", options.batch},
            {"sites", sites.size()},
            {"weight_bytes", bytes.weights},
            {"activation_bytes", bytes.activations},
            {"site_bytes", bytes.sites},
            {"total_bytes", bytes.total()}};
}

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
    add_composition(json, c);
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
    json["parts"] = counts_json(count_parts(session.impl().model), true);
    json["per_layer"] = counts_json(count_layer(session.impl().model), false);
    json["parity"] = parity_json(f.architecture);
    json["load_seconds"] = session.impl().load_seconds;
    return json;
}

void run(const Options& options, Common& common) {
    auto session = Session::open(common.model);
    Json json = info_json(*session);
    if (options.tokens == 0 && (!options.sites.empty() || options.batch > 1))
        throw Error("tokens", "a number of tokens (--tokens N), for memory is predicted of a run", "none");
    if (options.tokens > 0) json["memory"] = memory_json(*session, options);
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
    command->add_option("MODEL", common.model.model, "Bundled name, model folder, or name in the local hub cache");
    command->add_option("--tokens", options->tokens, "Predict the memory of a run over prompts of so many tokens")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
    command->add_option("--batch", options->batch, "so many prompts at once")->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
    command->add_option("--sites", options->sites, "while these sites are kept (hook name or pattern)");
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
