// microtome diff A.h5 B.h5: two activation stores, site by site.
#include <cmath>
#include <cstdio>

#include "analyses/query/store_diff.h"
#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Options {
    std::string a, b;
    double tolerance = 0, fail_above = -1;
};

std::string text_of(double value, const char* format = "%.3g") {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string text_of(const query::Spot& spot) {
    std::string text = "prompt " + std::to_string(spot.prompt) + ", position " + std::to_string(spot.position);
    if (spot.key >= 0) text += ", key " + std::to_string(spot.key);
    text += " [";
    for (std::size_t i = 0; i < spot.index.size(); ++i) text += (i ? ", " : "") + std::to_string(spot.index[i]);
    return text + "]: " + text_of(spot.a, "%.6g") + " and " + text_of(spot.b, "%.6g");
}

// JSON has no infinity.
Json number(double value) {
    if (std::isfinite(value)) return value;
    return std::isnan(value) ? Json(nullptr) : Json(value > 0 ? "inf" : "-inf");
}

Json json_of(const query::Spot& spot) {
    return {{"prompt", spot.prompt}, {"position", spot.position}, {"key", spot.key < 0 ? Json(nullptr) : Json(spot.key)},
            {"index", spot.index},   {"a", number(spot.a)},       {"b", number(spot.b)}};
}

Json metric_json(const StoreIdentity& store) {
    return store.has_gradients() ? Json{{"metric", store.metric}, {"run", store.metric_run}} : Json(nullptr);
}

Json json_of(const query::StoreDiff& diff, const StoreIdentity& a, const StoreIdentity& b, const Options& options) {
    Json sites = Json::array();
    for (const query::SiteDiff& site : diff.sites) {
        Json json{{"site", site.name},
                  {"values", site.values},
                  {"different", site.different},
                  {"largest", number(site.largest)},
                  {"largest_relative", number(site.largest_relative)},
                  {"mean", site.mean},
                  {"cosine", site.cosine}};
        json["at"] = site.largest > 0 ? json_of(site.at) : Json(nullptr);
        json["at_relative"] = site.largest_relative > 0 ? json_of(site.at_relative) : Json(nullptr);
        sites.push_back(json);
    }
    Json json{{"a", options.a}, {"b", options.b}, {"prompts", diff.prompts}};
    if (a.has_gradients() || b.has_gradients())
        json.update({{"metric_a", metric_json(a)}, {"metric_b", metric_json(b)}, {"other_questions", diff.other_questions}});
    json.update({{"tolerance", options.tolerance},
                 {"equal", diff.equal()},
                 {"sites", sites},
                 {"only_in_a", diff.only_a},
                 {"only_in_b", diff.only_b},
                 {"largest", number(diff.largest())}});
    return json;
}

void print_metrics(const query::StoreDiff& diff, const StoreIdentity& a, const StoreIdentity& b) {
    if (!a.has_gradients() || !b.has_gradients()) return;
    const bool same = a.metric_text() == b.metric_text();
    std::printf("gradients of %s%s\n", a.metric_text().c_str(), same ? "" : (" and of " + b.metric_text()).c_str());
    if (diff.other_questions > 0)
        std::printf("of %llu prompts the metric reads other tokens\n", static_cast<unsigned long long>(diff.other_questions));
}

void print(const query::StoreDiff& diff, const Options& options) {
    std::vector<std::vector<std::string>> rows{{"site", "different", "largest", "relative", "mean", "cosine", "largest at"}};
    for (const query::SiteDiff& site : diff.sites)
        rows.push_back({site.name, std::to_string(site.different) + " of " + std::to_string(site.values), text_of(site.largest),
                        text_of(site.largest_relative), text_of(site.mean), text_of(site.cosine, "%.9g"),
                        site.largest > 0 ? text_of(site.at) : ""});
    print_rows(rows);
    for (const std::string& name : diff.only_a) std::printf("only in %s: %s\n", options.a.c_str(), name.c_str());
    for (const std::string& name : diff.only_b) std::printf("only in %s: %s\n", options.b.c_str(), name.c_str());
    const std::string within = options.tolerance > 0 ? " within " + text_of(options.tolerance) : "";
    std::printf("%s%s: %llu prompts, %zu sites in both\n", diff.equal() ? "equal" : "different", diff.equal() ? within.c_str() : "",
                static_cast<unsigned long long>(diff.prompts), diff.sites.size());
}

void run(const Options& options, const Common& common) {
    for (double value : {options.tolerance, options.fail_above})
        if (std::isnan(value)) throw Error("--tolerance", "a number", "nan");
    if (options.tolerance < 0) throw Error("--tolerance", "a number from 0", text_of(options.tolerance));
    const StoreReader a(options.a), b(options.b);
    TerminalProgress progress(common.quiet);
    const query::StoreDiff diff = query::diff_stores(a, b, options.tolerance, progress);
    if (options.fail_above >= 0) {
        for (const query::SiteDiff& site : diff.sites)
            if (site.largest > options.fail_above)
                throw Error(options.b + ": " + site.name, "differences of at most " + text_of(options.fail_above) + " from " + options.a,
                            text_of(site.largest) + " at " + text_of(site.at));
        for (const auto* only : {&diff.only_a, &diff.only_b})
            if (!only->empty()) throw Error(options.b, "the sites of " + options.a, "only one of them has " + only->front());
    }
    if (common.json) return print_json(json_of(diff, a.identity(), b.identity(), options));
    print(diff, options);
    print_metrics(diff, a.identity(), b.identity());
}

}  // namespace

void add_diff(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("diff", "Compare two activation stores of the same prompts, site by site, gradients too");
    auto options = std::make_shared<Options>();
    command->add_option("a", options->a, "A store")->required();
    command->add_option("b", options->b, "Another one, of another checkpoint, dtype or processing")->required();
    command->add_option("--tolerance", options->tolerance, "Numbers that differ by no more count as equal");
    command->add_option("--fail-above", options->fail_above,
                        "Exit with 2 if a difference is larger (negative: never; differences are a result)");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
