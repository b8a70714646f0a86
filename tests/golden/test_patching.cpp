// The patching loop against reference results of every preset, metric and direction (patching.json), in double precision.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <numeric>

#include "core/base/json.h"
#include "golden.h"
#include "hooks/patching.h"
#include "hooks/sweep/sweep.h"

using namespace microtome;
using Ids = std::vector<std::vector<std::int64_t>>;

namespace {

// A preset's site and axes (TransformerLens' patching module), from its name.
struct Preset {
    Site site;
    std::vector<std::string> axes;
};

Preset preset(const std::string& name, const Json& grid) {
    Preset p{Site::resid_pre, grid.at("axes").get<std::vector<std::string>>()};
    if (name.rfind("attn_head_", 0) != 0) {
        p.site = parse_site(name);
    } else {
        std::string part = name.substr(10, name.find('_', 10) - 10);
        p.site = parse_site(part == "out" ? "z" : part);
    }
    return p;
}

PatchSweep pairs_of(const Json& set, bool denoise, const Transformer& model) {
    PatchSweep sweep;
    auto clean = set.at("clean_ids").get<Ids>(), corrupt = set.at("corrupt_ids").get<Ids>();
    auto answers = set.at("answer_ids").get<Ids>(), foils = set.at("foil_ids").get<Ids>();
    Tensor logits = last_logits(model, ids_tensor(clean), nullptr);
    for (std::size_t i = 0; i < clean.size(); ++i)
        sweep.pairs.push_back({denoise ? corrupt[i] : clean[i], denoise ? clean[i] : corrupt[i],
                               Question{answers[i], foils[i], logits[static_cast<std::int64_t>(i)]}});
    for (std::size_t p = 0; p < clean[0].size(); ++p)
        sweep.places.emplace_back(clean.size(), std::vector<std::int64_t>{static_cast<std::int64_t>(p)});
    sweep.source_is_clean = denoise;
    return sweep;
}

// Row-major cells of the grid.
void add_cells(PatchSweep& sweep, const Preset& p, const std::vector<int>& shape) {
    std::size_t total = 1;
    for (int n : shape) total *= static_cast<std::size_t>(n);
    for (std::size_t i = 0; i < total; ++i) {
        PatchSlice cell;
        std::size_t rest = i;
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            int at = static_cast<int>(rest % static_cast<std::size_t>(shape[axis]));
            rest /= static_cast<std::size_t>(shape[axis]);
            const std::string& name = p.axes[axis];
            if (name == "layer") cell.ref = {p.site, at};
            if (name == "pos" || name == "dest") cell.place = at;
            if (name == "src") cell.from = at;
            if (name == "head") cell.head = at;
        }
        sweep.cells.push_back({cell});
    }
}

double mean(const std::vector<double>& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

std::string compare(const PatchOutcome& outcome, const std::vector<double>& expected) {
    if (outcome.values.size() != expected.size()) return "another number of cells";
    std::vector<double> means;
    for (const auto& pairs : outcome.values) means.push_back(mean(pairs));
    return golden::difference(at::tensor(means, at::kDouble), at::tensor(expected, at::kDouble), 1e-9);
}

}  // namespace

class TestPatching : public QObject {
    Q_OBJECT
    Json reference_ = read_json(golden::folder("") / "patching.json");

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void presets_data();
    void presets();
    void metrics_data();
    void metrics();
};

void TestPatching::presets_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("set");
    QTest::addColumn<QString>("engine");
    for (const char* model : {"gpt2", "llama"})
        for (const char* set : {"one", "two"})
            for (const char* engine : {"every cell", "changed cells", "wavefront"})
                QTest::addRow("%s %s pair(s), %s", model, set, engine) << model << set << engine;
}

// The `every` presets are stacks of the others: the analysis that offers them has its own test.
void TestPatching::presets() {
    QFETCH(QString, model);
    QFETCH(QString, set);
    QFETCH(QString, engine);
    const Json& data = reference_.at(model.toStdString()).at(set.toStdString());
    Transformer transformer = golden::load(model.toStdString(), at::kDouble);
    Progress progress;
    int compared = 0;
    for (const auto& [name, grid] : data.at("presets").items()) {
        if (name.find("every") != std::string::npos) continue;
        PatchSweep sweep = pairs_of(data, true, transformer);
        sweep.skip_unchanged = engine != "every cell";
        add_cells(sweep, preset(name, grid), grid.at("shape").get<std::vector<int>>());
        PatchOutcome outcome = engine == "wavefront" ? patch_sweep(transformer, sweep, progress) : patch_loop(transformer, sweep, progress);
        std::string wrong = compare(outcome, grid.at("values").get<std::vector<double>>());
        QVERIFY2(wrong.empty(), (name + ": " + wrong).c_str());
        QVERIFY(std::abs(mean(outcome.base) - data.at("corrupt").get<double>()) < 1e-9);
        QVERIFY(std::abs(mean(outcome.source) - data.at("clean").get<double>()) < 1e-9);
        ++compared;
    }
    QCOMPARE(compared, 15);
}

void TestPatching::metrics_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("set");
    for (const char* model : {"gpt2", "llama"})
        for (const char* set : {"metrics", "lists"}) QTest::addRow("%s %s", model, set) << model << set;
}

void TestPatching::metrics() {
    QFETCH(QString, model);
    QFETCH(QString, set);
    const Json& data = reference_.at(model.toStdString()).at(set.toStdString());
    Transformer transformer = golden::load(model.toStdString(), at::kDouble);
    Progress progress;
    for (const auto& [name, results] : data.at("metrics").items()) {
        if (name == "logit_diff_recovery") continue;  // a ratio of means, taken by the analysis
        for (bool denoise : {true, false}) {
            const Json& grid = results.at(denoise ? "denoise" : "noise");
            PatchSweep sweep = pairs_of(data, denoise, transformer);
            sweep.metric = parse_metric(name);
            add_cells(sweep, preset(data.at("preset").get<std::string>(), grid), grid.at("shape").get<std::vector<int>>());
            for (auto* engine : {patch_loop, patch_sweep}) {
                PatchOutcome outcome = engine(transformer, sweep, progress, {});
                std::string wrong = compare(outcome, grid.at("values").get<std::vector<double>>());
                QVERIFY2(wrong.empty(), (name + (denoise ? ", denoise: " : ", noise: ") + wrong).c_str());
                QVERIFY(std::abs(mean(denoise ? outcome.source : outcome.base) - results.at("clean").get<double>()) < 1e-9);
            }
        }
    }
}

QTEST_GUILESS_MAIN(TestPatching)
#include "test_patching.moc"
