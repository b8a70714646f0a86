// Attribution patching, the logit lens and direct logit attribution against lenses.json, which plain.py's own model gave (make_lenses.py).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <cmath>

#include "analyses/runner.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "golden.h"

using namespace microtome;

namespace {

std::vector<double> flat(const Json& values) {
    if (!values.is_array()) return {values.get<double>()};
    std::vector<double> out;
    for (const Json& part : values) {
        const auto inner = flat(part);
        out.insert(out.end(), inner.begin(), inner.end());
    }
    return out;
}

// The first that differs; none: empty.
QString compare(const std::vector<double>& ours, const std::vector<double>& golden, double tolerance) {
    if (ours.size() != golden.size()) return QString("%1 values, not %2").arg(ours.size()).arg(golden.size());
    double scale = 1;
    for (double x : golden) scale = std::max(scale, std::abs(x));
    for (std::size_t i = 0; i < ours.size(); ++i)
        if (!(std::abs(ours[i] - golden[i]) <= tolerance * scale))
            return QString("number %1: %2, not %3").arg(i).arg(ours[i]).arg(golden[i]);
    return {};
}

const std::vector<double>& values(const Result& result, const char* name) {
    return std::get<Grid>(result.find(name)->view).values;
}

}  // namespace

class TestLensGoldens : public QObject {
    Q_OBJECT
    Json golden_ = parse_json(read_file(golden::folder("lenses.json")), "lenses.json");

    Json pairs(const QString& model, std::size_t count) const {
        const Json& set = golden_.at(model.toStdString());
        Json out = Json::array();
        for (std::size_t i = 0; i < count; ++i)
            out.push_back({{"clean_ids", set["clean_ids"][i]},
                           {"corrupt_ids", set["corrupt_ids"][i]},
                           {"answer_id", set["answer_ids"][i][0]},
                           {"foil_id", set["foil_ids"][i][0]}});
        return out;
    }

    Result run(const QString& model, const char* dtype, const char* analysis, Json params, std::size_t count) const {
        ModelOptions options;
        options.model = golden::folder(model.toStdString()).string();
        options.dtype = dtype, options.device = "cpu", options.threads = 1;
        auto session = Session::open(options);
        params["prompts"] = pairs(model, count);
        RunProgress progress;
        return run_analysis(*session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
    }

    static void models_and_types() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("dtype");
        for (const char* model : {"gpt2", "llama"})
            for (const char* dtype : {"float64", "float32"}) QTest::addRow("%s, %s", model, dtype) << QString(model) << QString(dtype);
    }
    static double tolerance(const QString& dtype) { return dtype == "float64" ? 1e-9 : 2e-5; }

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void attribution_data() { models_and_types(); }
    void attribution() {
        QFETCH(QString, model);
        QFETCH(QString, dtype);
        for (const auto& [metric, directions] : golden_.at(model.toStdString()).at("attribution").items())
            for (const auto& [direction, presets] : directions.items())
                for (const auto& [preset, golden] : presets.items()) {
                    const Result found = run(model, qPrintable(dtype), "attribution-patching",
                                             {{"metric", metric}, {"direction", direction}, {"preset", preset}, {"audit", 0}}, 2);
                    const QString said = compare(values(found, "change"), flat(golden), tolerance(dtype));
                    QVERIFY2(said.isEmpty(),
                             qPrintable(QString("%1, %2, %3: %4").arg(metric.c_str(), direction.c_str(), preset.c_str(), said)));
                }
    }

    void lens_data() { models_and_types(); }
    void lens() {
        QFETCH(QString, model);
        QFETCH(QString, dtype);
        for (const auto& [at, norms] : golden_.at(model.toStdString()).at("lens").items())
            for (const auto& [norm, golden] : norms.items()) {
                const Result found = run(model, qPrintable(dtype), "logit-lens", {{"at", at}, {"norm", norm}}, 1);
                const QString said = compare(values(found, "probability"), flat(golden), tolerance(dtype));
                QVERIFY2(said.isEmpty(), qPrintable(QString("%1, %2: %3").arg(at.c_str(), norm.c_str(), said)));
            }
    }

    void parts_data() { models_and_types(); }
    void parts() {
        QFETCH(QString, model);
        QFETCH(QString, dtype);
        const Json& golden = golden_.at(model.toStdString()).at("parts");
        const Result found = run(model, qPrintable(dtype), "direct-logit-attribution", {{"neurons", 100000}}, 1);
        for (const char* name : {"heads", "layers"}) {
            const QString said = compare(values(found, name), flat(golden.at(name)), tolerance(dtype));
            QVERIFY2(said.isEmpty(), qPrintable(QString("%1: %2").arg(name, said)));
        }
        QVERIFY(std::abs(found.summary[0].second - golden.at("difference").get<double>()) <= tolerance(dtype) * 10);
        const std::vector<double> neurons = flat(golden.at("neurons"));
        const std::size_t width = golden.at("neurons")[0].size();
        std::vector<double> ours(neurons.size(), std::nan(""));
        for (const auto& row : std::get<Table>(found.find("neurons")->view).rows)
            ours.at(static_cast<std::size_t>(std::get<std::int64_t>(row[0])) * width +
                    static_cast<std::size_t>(std::get<std::int64_t>(row[1]))) = std::get<double>(row[2]);
        const QString said = compare(ours, neurons, tolerance(dtype));
        QVERIFY2(said.isEmpty(), qPrintable("neurons: " + said));
    }
};

QTEST_GUILESS_MAIN(TestLensGoldens)
#include "test_lens_goldens.moc"
