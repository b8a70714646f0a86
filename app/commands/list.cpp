// microtome list [analyses|models|sessions|sites|metrics|architectures]
#include "analyses/bundled_sessions.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/sites.h"
#include "core/models/architecture.h"
#include "hooks/metric.h"

namespace microtome {
namespace {

struct Options {
    std::string what = "analyses";
};

std::string axes_text(const SiteInfo& row) {
    std::string text = "batch";
    for (char letter : std::string_view(row.axes)) {
        switch (letter) {
            case 'p':
                text += " pos";
                break;
            case 's':
                text += " source";
                break;
            case 'h':
                text += " head";
                break;
            case 'k':
                text += " kv_head";
                break;
            case 'e':
                text += " d_head";
                break;
            case 'm':
                text += " d_model";
                break;
            case 'f':
                text += " d_mlp";
                break;
            case 'v':
                text += " d_vocab";
                break;
            default:
                text += " 1";
        }
    }
    return text;
}

Json rows_of(const std::string& what) {
    Json rows = Json::array();
    if (what == "analyses")
        for (const Analysis* analysis : catalog()) rows.push_back({{"name", analysis->name()}, {"summary", analysis->summary()}});
    if (what == "models")
        for (const auto& [name, folder] : bundled_models()) rows.push_back({{"name", name}, {"folder", folder.string()}});
    if (what == "sessions")
        for (const auto& [name, file] : bundled_sessions()) rows.push_back({{"name", name}, {"file", file.string()}});
    if (what == "sites")
        for (const SiteInfo& row : site_table)
            rows.push_back({{"name", row.name}, {"hook", row.hook}, {"shape", axes_text(row)}, {"help", row.help}});
    if (what == "architectures")
        for (const Architecture* a : architectures()) rows.push_back({{"name", a->name}, {"summary", a->summary}});
    if (what == "metrics")
        for (const std::string& name : metric_names()) {
            Metric metric = parse_metric(name);
            rows.push_back({{"name", name}, {"unit", metric.unit}, {"expression", to_text(metric.expression)}});
        }
    return rows;
}

void run(const Options& options, const Common& common) {
    Json rows = rows_of(options.what);
    if (common.json) {
        print_json({{options.what, rows}});
        return;
    }
    std::vector<std::vector<std::string>> table;
    for (const Json& row : rows) {
        table.emplace_back();
        for (const auto& [key, value] : row.items()) table.back().push_back(value.get<std::string>());
    }
    print_rows(table);
}

}  // namespace

void add_list(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("list", "Analyses, bundled models and sessions, sites, metrics or architectures");
    auto options = std::make_shared<Options>();
    command->add_option("WHAT", options->what, "analyses, models, sessions, sites, metrics or architectures")
        ->check(CLI::IsMember({"analyses", "models", "sessions", "sites", "metrics", "architectures"}));
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
