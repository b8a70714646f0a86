// One subcommand a catalog entry, made from its fields.
#include <memory>

#include "analyses/files/prompts.h"
#include "analyses/shared_work.h"
#include "analyses/views/serialize.h"
#include "app/commands/cli.h"
#include "app/commands/strongest.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    const Analysis* analysis;
    std::vector<std::pair<FieldInfo, std::string>> given;  // as text; empty: the default
    std::string pairs, clean, corrupt, prompts, reference;
    std::vector<std::string> answer, foil, prompt;
    std::vector<std::string> interventions;
    bool no_bos = false;
};

std::string flag_of(const std::string& name) {
    std::string flag = "--" + name;
    for (char& c : flag)
        if (c == '_') c = '-';
    return flag;
}

std::string help_of(const FieldInfo& field) {
    std::string text = field.help;
    if (!field.choices.empty()) {
        text += ":";
        for (const std::string& choice : field.choices) text += " " + choice;
    }
    std::string fallback = field.fallback.is_string() ? field.fallback.get<std::string>() : field.fallback.dump();
    if (!fallback.empty() && fallback != "[]") text += " [" + fallback + "]";
    return text;
}

// The text of an option as the JSON value that the field's type asks for; what it allows is checked where the parameters are read.
Json value_of(const FieldInfo& field, const std::string& text) {
    if (field.type == "string") return text;
    if (field.type == "boolean")
        return text == "true" || text == "1" || text == "yes"   ? Json(true)
               : text == "false" || text == "0" || text == "no" ? Json(false)
                                                                : Json(text);
    if (field.type == "strings") {
        Json list = Json::array();
        std::string word;
        for (char c : text + ",") {
            if (c == ',') {
                list.push_back(word);
                word.clear();
            } else {
                word += c;
            }
        }
        return list;
    }
    try {
        Json number = parse_json(field.type == "integers" ? "[" + text + "]" : text, flag_of(field.name));
        if (!number.is_null()) return number;
    } catch (const Error&) {  // not a number: said below
    }
    throw Error(flag_of(field.name),
                field.type == "integer"    ? "an integer"
                : field.type == "integers" ? "integers with commas"
                                           : "a number",
                "\"" + text + "\"");
}

Json pairs_of(const Options& o) {
    Json list = Json::array();
    if (!o.pairs.empty())
        for (const PromptPair& pair : read_pairs(o.pairs)) list.push_back(to_json(pair));
    if (o.clean.empty() && o.corrupt.empty()) return list;
    if (!o.pairs.empty()) throw Error("--clean", "either --pairs or --clean and --corrupt", "both");
    PromptPair pair;
    pair.clean = o.clean;
    pair.corrupt = o.corrupt;
    pair.answer = o.answer;
    pair.foil = o.foil;
    if (o.clean.empty() || o.corrupt.empty()) throw Error(o.clean.empty() ? "--clean" : "--corrupt", "a prompt", "nothing");
    if (o.no_bos) pair.prepend_bos = false;
    list.push_back(to_json(pair));
    return list;
}

Json reference_of(const Options& o) {
    Json list = Json::array();
    if (!o.reference.empty())
        for (const Prompt& prompt : read_prompts(o.reference)) list.push_back(to_json(prompt));
    return list;
}

Json prompts_of(const Options& o) {
    Json list = Json::array();
    if (!o.prompts.empty())
        for (const Prompt& prompt : read_prompts(o.prompts)) list.push_back(to_json(prompt));
    for (const std::string& text : o.prompt) {
        Prompt prompt;
        prompt.text = text;
        if (o.no_bos) prompt.prepend_bos = false;
        list.push_back(to_json(prompt));
    }
    return list;
}

void run(const Options& options, const Common& common) {
    RunRequest request;
    request.analysis = options.analysis->name();
    request.command = common.command;
    request.seed = common.seed;
    for (const auto& [field, text] : options.given) {
        if (field.type == "pairs" || field.type == "prompts") {
            Json list = field.name == "reference" ? reference_of(options) : field.type == "pairs" ? pairs_of(options) : prompts_of(options);
            if (!list.empty()) request.params[field.name] = list;
        } else if (!text.empty()) {
            request.params[field.name] = value_of(field, text);
        }
    }
    options.analysis->complete(request.params);  // a mistake is told before a model is loaded
    request.interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    TerminalProgress progress(common.quiet);
    share_work(*session, common.ranks.get());
    RunRecord record = run_analysis(*session, request, progress);
    if (common.ranks) record.manifest["processes"] = common.ranks->size();
    finish_run(record, common);
}

void add_one(CLI::App& app, Common& common, const Analysis& analysis) {
    auto* command = app.add_subcommand(analysis.name(), analysis.summary());
    auto options = std::make_shared<Options>();
    options->analysis = &analysis;
    for (const FieldInfo& field : analysis.params()) options->given.emplace_back(field, "");
    for (auto& [field, text] : options->given) {
        if (field.name == "reference") {
            command->add_option("--reference", options->reference, "Prompt file: " + field.help);
            continue;
        }
        if (field.type == "pairs") {
            command->add_option("--pairs", options->pairs, "Prompt file: JSONL or CSV with clean, corrupt, answer, foil");
            command->add_option("--clean", options->clean, "The clean prompt");
            command->add_option("--corrupt", options->corrupt, "The corrupted prompt, of as many tokens");
            command->add_option("--answer", options->answer, "The token that the clean prompt calls for (several: repeat)");
            command->add_option("--foil", options->foil, "The token that it is compared with (several: repeat)");
        } else if (field.type == "prompts") {
            command->add_option("--prompts", options->prompts, "Prompt file: JSONL or CSV with text");
            command->add_option("--prompt", options->prompt, "A prompt (several: repeat)");
        } else if (field.name == "seed") {
            continue;
        } else {
            auto* option = command->add_option(flag_of(field.name), text, help_of(field));
            option->type_name(field.type == "string" ? "TEXT" : field.type);
            if (field.type == "boolean") option->expected(0, 1);
        }
        if (field.type == "pairs" || field.type == "prompts")
            command->add_flag("--no-bos", options->no_bos, "Prepend no beginning-of-sequence token");
    }
    add_intervention_option(*command, options->interventions);
    command->add_option("--seed", common.seed, "Seed of whatever is random");
    add_model_options(*command, common);
    add_output_options(*command, common);
    command->callback([options, &common, command] {
        for (auto& [field, text] : options->given)  // "--direct" alone: yes
            if (field.type == "boolean" && text.empty() && command->count(flag_of(field.name)) > 0) text = "true";
        run(*options, common);
    });
}

}  // namespace

void add_analyses(CLI::App& app, Common& common) {
    for (const Analysis* analysis : catalog()) add_one(app, common, *analysis);
}

}  // namespace microtome
