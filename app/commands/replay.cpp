// microtome replay DIR|FIGURE: run again what made it, compare; exit 0 only if equal.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "analyses/views/serialize.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::string what;
};

struct Difference {
    bool bits = true;    // bit-equal
    double largest = 0;  // |a − b| / (1 + max|b|) over all numbers
    std::string where;
};

void compare(const std::vector<double>& now, const std::vector<double>& then, const std::string& name, Difference& d) {
    if (now.size() != then.size()) throw Error(name, std::to_string(then.size()) + " numbers", std::to_string(now.size()));
    double scale = 1;
    for (double x : then)
        if (std::isfinite(x)) scale = std::max(scale, 1 + std::abs(x));
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (std::isnan(now[i]) && std::isnan(then[i])) continue;
        if (now[i] == then[i]) continue;
        d.bits = false;
        double off = std::abs(now[i] - then[i]) / scale;
        if (!(off <= d.largest)) {
            d.largest = std::isnan(off) ? HUGE_VAL : off;
            d.where = name;
        }
    }
}

std::vector<double> numbers_of(const View& view) {
    struct Visit {
        std::vector<double> operator()(const Scalar& x) const { return {x.value}; }
        std::vector<double> operator()(const Grid& x) const { return x.values; }
        std::vector<double> operator()(const TokenText& x) const { return x.values; }
        std::vector<double> operator()(const Curve& x) const {
            std::vector<double> out = x.x;
            for (const Series& s : x.series) out.insert(out.end(), s.y.begin(), s.y.end());
            return out;
        }
        std::vector<double> operator()(const Table& x) const {
            std::vector<double> out;
            for (const auto& row : x.rows)
                for (const Cell& cell : row) {
                    if (const auto* number = std::get_if<double>(&cell)) out.push_back(*number);
                    if (const auto* whole = std::get_if<std::int64_t>(&cell)) out.push_back(static_cast<double>(*whole));
                }
            return out;
        }
        std::vector<double> operator()(const Graph& x) const {
            std::vector<double> out;
            for (const GraphEdge& edge : x.edges) out.push_back(edge.score);
            return out;
        }
    };
    return std::visit(Visit{}, view);
}

Json manifest_of(const fs::path& what) {
    if (fs::is_directory(what)) return read_json(what / "manifest.json");
    return figure_manifest(what);
}

RunRequest request_of_manifest(const Json& manifest, const std::string& subject) {
    JsonReader json(manifest, subject);
    RunRequest request;
    request.analysis = json.string("analysis");
    request.params = json.at("params");
    request.seed = json.integer("seed");
    const Json& interventions = json.at("interventions");
    for (std::size_t i = 0; i < interventions.size(); ++i)
        request.interventions.push_back(intervention_from_json(interventions[i], subject, "/interventions/" + std::to_string(i)));
    if (manifest.contains("named_prompts")) {
        const Json& named = manifest["named_prompts"];
        for (std::size_t i = 0; i < named.size(); ++i)
            request.named.push_back(pair_from_json(named[i], subject, "/named_prompts/" + std::to_string(i), false));
    }
    return request;
}

void run(const Options& options, const Common& common) {
    fs::path what = options.what;
    Json manifest = manifest_of(what);
    JsonReader json(manifest, what.string());
    JsonReader model = json.object("model");
    ModelOptions wanted = common.model;
    std::error_code failed;
    bool bundled_name = model.string("name").find('/') == std::string::npos;
    wanted.model = bundled_name ? model.string("name") : model.string("path");
    wanted.dtype = model.string("dtype");
    wanted.device = model.string("device");
    wanted.processing = model.string("processing");
    wanted.threads = static_cast<int>(json.integer("threads"));
    auto session = Session::open(wanted);
    if (session->facts().sha256 != model.string("sha256"))
        throw Error(what.string() + ": model " + wanted.model, "the weights of the first run, SHA-256 " + model.string("sha256"),
                    session->facts().sha256);
    TerminalProgress progress(common.quiet);
    RunRecord record = run_analysis(*session, request_of_manifest(manifest, what.string()), progress);
    if (!record.result.complete) throw Cancelled();
    Difference d;
    d.bits = record.manifest["result_sha256"] == json.string("result_sha256");
    if (fs::is_directory(what)) {
        Result then = read_result(what);
        for (const NamedView& view : then.views) {
            const NamedView* now = record.result.find(view.name);
            if (!now) throw Error(what.string(), "the view " + view.name + " again", "none");
            compare(numbers_of(now->view), numbers_of(view.view), view.name, d);
        }
    } else if (!d.bits) {
        d.largest = HUGE_VAL;  // a figure keeps the hash of its numbers, not the numbers
        d.where = "the figure's numbers";
    }
    double tolerance = wanted.dtype == "float64" ? 1e-9 : wanted.dtype == "float32" ? 1e-5 : 1e-2;
    bool equal = d.bits || d.largest <= tolerance;
    if (common.json)
        print_json({{"equal", equal}, {"bit_equal", d.bits}, {"largest_difference", std::isfinite(d.largest) ? Json(d.largest) : Json()}});
    else
        message(common,
                d.bits ? "equal, bit for bit" : "largest difference " + std::to_string(d.largest) + " of the scale (" + d.where + ")");
    if (!equal)
        throw Error(what.string(), "the same numbers again (to " + std::to_string(tolerance) + " of the scale)", "others in " + d.where);
}

}  // namespace

void add_replay(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("replay", "Run again what made a result folder or a figure, and compare");
    auto options = std::make_shared<Options>();
    command->add_option("WHAT", options->what, "Result folder, or an SVG or PNG figure")->required();
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
