// The analyses, as the command runs them, against reference results: every patching preset and metric, head scores, weighted patterns.
#include <QtTest>

#include "analyses/runner.h"
#include "core/base/json.h"
#include "golden.h"
#include "hooks/metric.h"

using namespace microtome;
using Ids = std::vector<std::vector<std::int64_t>>;

namespace {

Json reference(const char* file) {
    return read_json(golden::folder("") / file);
}

std::unique_ptr<Session> open(const QString& model, const char* dtype = "float64") {
    ModelOptions options;
    options.model = golden::folder(model.toStdString()).string();
    options.dtype = dtype;
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

Grid run(Session& session, const char* analysis, Json params, const char* view) {
    RunProgress progress;
    RunRecord record = run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress);
    const NamedView* found = record.result.find(view);
    if (!found) throw std::runtime_error(std::string("no view ") + view);
    return std::get<Grid>(found->view);
}

Json pairs_of(const Json& set) {
    Json pairs = Json::array();
    for (std::size_t i = 0; i < set.at("clean_ids").size(); ++i)
        pairs.push_back({{"clean_ids", set["clean_ids"][i]},
                         {"corrupt_ids", set["corrupt_ids"][i]},
                         {"answer_id", set["answer_ids"][i]},
                         {"foil_id", set["foil_ids"][i]}});
    return pairs;
}

Json prompts_of(const Ids& rows) {
    Json prompts = Json::array();
    for (const auto& row : rows) prompts.push_back({{"ids", row}});
    return prompts;
}

// "" or where the grid leaves the reference by more than tolerance × (1 + max).
std::string difference(const Grid& grid, const std::vector<std::size_t>& shape, const std::vector<double>& expected, double tolerance) {
    std::vector<std::size_t> ours;
    for (const Axis& axis : grid.axes) ours.push_back(axis.size());
    if (ours != shape || grid.values.size() != expected.size()) return "another shape";
    double scale = 1;
    for (double x : expected) scale = std::max(scale, 1 + std::abs(x));
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!(std::abs(grid.values[i] - expected[i]) <= tolerance * scale))
            return "cell " + std::to_string(i) + ": " + std::to_string(grid.values[i]) + ", the reference has " +
                   std::to_string(expected[i]);
    return {};
}

std::string difference(const Grid& grid, const Json& expected, double tolerance) {
    for (std::size_t i = 0; i < grid.axes.size(); ++i) {  // "dest" begins "destination", and so on
        std::string name = expected.at("axes").at(i);
        bool source = name == "src" && grid.axes[i].name == "source";
        if (!source && grid.axes[i].name.rfind(name, 0) != 0) return "axis " + grid.axes[i].name + " for " + name;
    }
    return difference(grid, expected.at("shape").get<std::vector<std::size_t>>(), expected.at("values").get<std::vector<double>>(),
                      tolerance);
}

std::string difference(const Grid& grid, const std::vector<std::vector<double>>& rows, double tolerance) {
    std::vector<double> flat;
    for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
    return difference(grid, {rows.size(), rows[0].size()}, flat, tolerance);
}

}  // namespace

class TestAnalyses : public QObject {
    Q_OBJECT
    Json patching_ = reference("patching.json"), heads_ = reference("heads.json");

  private Q_SLOTS:
    void presets_data();
    void presets();
    void presets_in_single_precision();
    void metrics_data();
    void metrics();
    void heads_data();
    void heads();
    void weighted_patterns_data() { heads_data(); }
    void weighted_patterns();
};

void TestAnalyses::presets_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("set");
    for (const char* model : {"gpt2", "llama"})
        for (const char* set : {"one", "two"}) QTest::addRow("%s %s pair(s)", model, set) << model << set;
}

void TestAnalyses::presets() {
    QFETCH(QString, model);
    QFETCH(QString, set);
    const Json& data = patching_.at(model.toStdString()).at(set.toStdString());
    auto session = open(model);
    int compared = 0;
    for (const auto& [name, expected] : data.at("presets").items()) {
        Grid grid =
            run(*session, "activation-patching", {{"prompts", pairs_of(data)}, {"preset", name}, {"metric", "logit_diff"}}, "effect");
        std::string wrong = difference(grid, expected, 1e-9);
        QVERIFY2(wrong.empty(), (name + ": " + wrong).c_str());
        ++compared;
    }
    QCOMPARE(compared, 18);
}

void TestAnalyses::presets_in_single_precision() {
    const Json& data = patching_.at("gpt2").at("two");
    auto session = open("gpt2", "float32");
    for (const char* name : {"block_every", "attn_head_by_pos_every"}) {
        Grid grid =
            run(*session, "activation-patching", {{"prompts", pairs_of(data)}, {"preset", name}, {"metric", "logit_diff"}}, "effect");
        std::string wrong = difference(grid, data.at("presets").at(name), 1e-5);
        QVERIFY2(wrong.empty(), wrong.c_str());
    }
}

void TestAnalyses::metrics_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("set");
    for (const char* model : {"gpt2", "llama"})
        for (const char* set : {"metrics", "lists"}) QTest::addRow("%s %s", model, set) << model << set;
}

void TestAnalyses::metrics() {
    QFETCH(QString, model);
    QFETCH(QString, set);
    const Json& data = patching_.at(model.toStdString()).at(set.toStdString());
    auto session = open(model);
    for (const auto& [metric, results] : data.at("metrics").items())
        for (const char* direction : {"denoise", "noise"}) {
            Json params{{"prompts", pairs_of(data)}, {"preset", data.at("preset")}, {"metric", metric}, {"direction", direction}};
            std::string wrong = difference(run(*session, "activation-patching", params, "effect"), results.at(direction), 1e-9);
            QVERIFY2(wrong.empty(), (metric + ", " + direction + ": " + wrong).c_str());
            if (metric == "logit_diff_recovery") continue;  // a ratio of means is no expression
            params.erase("metric");
            params["metric_expr"] = to_text(parse_metric(metric).expression);
            wrong = difference(run(*session, "activation-patching", params, "effect"), results.at(direction), 1e-9);
            QVERIFY2(wrong.empty(), (metric + " as an expression, " + direction + ": " + wrong).c_str());
        }
}

void TestAnalyses::heads_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "llama", "attn-only"}) QTest::newRow(model) << model;
}

void TestAnalyses::heads() {
    QFETCH(QString, model);
    const Json& data = heads_.at(model.toStdString());
    auto session = open(model);
    for (bool exclude : {false, true})
        for (const char* kind : {"induction", "previous_token", "duplicate_token"}) {
            Json params{{"prompts", prompts_of({data.at("ids").get<std::vector<std::int64_t>>()})}, {"exclude_first", exclude}};
            std::string key = std::string(kind) + "_head.mul" + (exclude ? ".exclude_bos" : "");
            std::string wrong = difference(run(*session, "head-scores", params, kind),
                                           data.at("detect").at(key).get<std::vector<std::vector<double>>>(), 1e-9);
            QVERIFY2(wrong.empty(), (key + ": " + wrong).c_str());
        }
}

void TestAnalyses::weighted_patterns() {
    QFETCH(QString, model);
    std::string name = model.toStdString();
    SafetensorsFile file(golden::folder(name) / "weighted_patterns.safetensors");
    auto session = open(model);
    for (auto [weighting, suffix] : {std::pair("output", "vW_O"), {"value", "v"}}) {
        // (prompt, layer, head, destination, source)
        Grid grid =
            run(*session, "attention-patterns", {{"prompts", prompts_of(golden::batch(name))}, {"weighting", weighting}}, "value_weighted");
        std::size_t prompts = grid.axes.at(0).size(), layers = grid.axes.at(1).size(), block = grid.size() / prompts / layers;
        for (std::size_t layer = 0; layer < layers; ++layer) {
            const StoredTensor* stored = file.find("blocks." + std::to_string(layer) + ".pattern_x_norm_" + suffix);
            QVERIFY(stored && stored->type == StoredType::F64 && stored->elements() == static_cast<std::int64_t>(prompts * block));
            std::vector<double> expected(prompts * block);
            std::memcpy(expected.data(), stored->bytes.data(), stored->bytes.size());
            for (std::size_t i = 0; i < expected.size(); ++i) {
                double ours = grid.values[(i / block * layers + layer) * block + i % block];
                QVERIFY2(std::abs(ours - expected[i]) < 1e-9, qPrintable(QString("layer %1, value %2").arg(layer).arg(i)));
            }
        }
    }
}

QTEST_GUILESS_MAIN(TestAnalyses)
#include "test_analyses.moc"
