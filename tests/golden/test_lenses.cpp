// The logit lens and direct logit attribution: what the model itself says, sums that must close, and the formulas written out again.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "analyses/runner.h"
#include "core/base/error.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

const std::vector<std::int64_t> ids{3, 17, 5, 9, 2, 11, 7};
constexpr std::int64_t answer = 13, foil = 6;

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64", options.device = "cpu", options.threads = 1;
    return Session::open(options);
}

Result run(Session& session, const char* analysis, Json params) {
    params["prompts"] = Json::array({{{"clean_ids", ids}, {"corrupt_ids", ids}, {"answer_id", answer}, {"foil_id", foil}}});
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

const Grid& grid(const Result& result, const char* name) {
    return std::get<Grid>(result.find(name)->view);
}

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-9 * (1 + std::abs(b));
}

void all_models() {
    QTest::addColumn<QString>("model");
    std::vector<std::string> names = golden::models();
    // Norms after attention and MLP, soft caps, parallel blocks, biases of the unembedding.
    for (const char* name : {"gemma2", "gptj", "phi", "gpt_neox"}) names.push_back(std::string("architectures/") + name);
    for (const std::string& name : names) QTest::newRow(name.c_str()) << QString::fromStdString(name);
}

}  // namespace

class TestLenses : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void parts_sum_to_the_logit_difference_data() { all_models(); }
    void parts_sum_to_the_logit_difference() {
        QFETCH(QString, model);
        auto session = open(model.toStdString());
        const Result found = run(*session, "direct-logit-attribution", {{"neurons", 100000}});
        // The reference: the model's own logits.
        const Transformer reference = golden::load(model.toStdString(), at::kDouble);
        const Tensor logits = reference.forward(ids_tensor({ids}))[0][static_cast<std::int64_t>(ids.size()) - 1];
        const double cap = reference.config.logit_cap;
        auto uncapped = [&](std::int64_t id) {
            const double x = logits[id].item<double>();
            return cap > 0 ? cap * std::atanh(x / cap) : x;
        };
        const double expected = uncapped(answer) - uncapped(foil);
        QVERIFY2(near(found.summary[0].second, expected), qPrintable(QString::number(expected)));
        QVERIFY2(near(found.summary[1].second, expected), qPrintable(QString::number(found.summary[1].second - expected)));
        double sum = 0, heads = 0, head_parts = 0;
        for (const auto& row : std::get<Table>(found.find("parts")->view).rows) {
            sum += std::get<double>(row[2]);
            if (std::get<std::string>(row[0]).starts_with("head ")) head_parts += std::get<double>(row[2]);
        }
        QVERIFY(near(sum, expected));
        for (double x : grid(found, "heads").values) heads += x;
        QVERIFY(near(heads, head_parts));
        // Neurons and output bias make the MLP: without a bias, exactly.
        const ModelConfig& c = reference.config;
        const Grid& layers = grid(found, "layers");
        if (c.mlp == MlpKind::none || reference.blocks[0].mlp.out.bias.defined() || c.post_norms) return;
        std::vector<double> neurons(static_cast<std::size_t>(c.n_layers), 0.0);
        for (const auto& row : std::get<Table>(found.find("neurons")->view).rows)
            neurons[static_cast<std::size_t>(std::get<std::int64_t>(row[0]))] += std::get<double>(row[2]);
        for (std::size_t l = 0; l < neurons.size(); ++l) QVERIFY(near(neurons[l], layers.values[2 * l + 1]));
    }

    void the_last_layer_is_the_model_data() { all_models(); }
    void the_last_layer_is_the_model() {
        QFETCH(QString, model);
        auto session = open(model.toStdString());
        const Transformer reference = golden::load(model.toStdString(), at::kDouble);
        const Tensor logits = reference.forward(ids_tensor({ids}))[0], prob = at::softmax(logits, -1);
        const auto n = ids.size(), layers = static_cast<std::size_t>(reference.config.n_layers);
        const Result post = run(*session, "logit-lens", {{"at", "post"}}), pre = run(*session, "logit-lens", {{"at", "pre"}});
        QCOMPARE(grid(post, "probability").values.size(), layers * n);
        QCOMPARE(grid(pre, "probability").values.size(), (layers + 1) * n);
        for (std::size_t p = 0; p < n; ++p) {
            const Tensor here = prob[static_cast<std::int64_t>(p)];
            const std::size_t last = (layers - 1) * n + p;
            QVERIFY(near(grid(post, "probability").values[last], here[answer].item<double>()));
            QVERIFY(near(grid(post, "top").values[last], here.max().item<double>()));
            QVERIFY(near(grid(post, "rank").values[last], (here > here[answer]).sum().item<double>()));
            QVERIFY(near(grid(post, "entropy").values[last], -(here * here.log()).sum().item<double>()));
            QVERIFY(std::abs(grid(post, "kl").values[last]) < 1e-12);
            const Tensor row = logits[static_cast<std::int64_t>(p)];
            QVERIFY(near(grid(post, "difference").values[last], (row[answer] - row[foil]).item<double>()));
        }
        // What leaves a layer enters the next one.
        for (std::size_t i = 0; i < layers * n; ++i) QVERIFY(near(grid(pre, "kl").values[i + n], grid(post, "kl").values[i]));
        // The last stream's own scale is the cached one.
        const Result cached = run(*session, "logit-lens", {{"norm", "cached"}});
        for (std::size_t p = 0; p < n; ++p)
            QVERIFY(near(grid(cached, "probability").values[(layers - 1) * n + p], grid(post, "probability").values[(layers - 1) * n + p]));
    }

    // The formula written out again, on the layers in between.
    void layers_in_between() {
        auto session = open("gpt2");
        const Transformer model = golden::load("gpt2", at::kDouble);
        Recorder recorder({{Site::resid_post, 0}, {Site::resid_post, model.config.n_layers - 1}});
        model.residual(ids_tensor({ids}), Tap(recorder));
        const Tensor x = recorder.at({Site::resid_post, 0})[0], last = recorder.at({Site::resid_post, model.config.n_layers - 1})[0];
        const Tensor scale = (last.var(-1, false, true) + model.ln_final.eps).sqrt(), centred = x - x.mean(-1, true);
        const Tensor norms[] = {at::layer_norm(x, {x.size(-1)}, model.ln_final.weight, model.ln_final.bias, model.ln_final.eps),
                                centred / scale * model.ln_final.weight + model.ln_final.bias, x};
        const char* names[] = {"final", "cached", "none"};
        for (int i = 0; i < 3; ++i) {
            const Tensor prob = at::softmax(at::mm(norms[i], model.unembed.weight), -1);
            const Result found = run(*session, "logit-lens", {{"norm", names[i]}});
            for (std::size_t p = 0; p < ids.size(); ++p)
                QVERIFY2(near(grid(found, "probability").values[p], prob[static_cast<std::int64_t>(p)][answer].item<double>()), names[i]);
        }
    }

    void mistakes_are_named_data() {
        QTest::addColumn<QString>("analysis");
        QTest::addColumn<QString>("params");
        QTest::addColumn<QString>("said");
        QTest::newRow("norm") << "logit-lens"
                              << R"({"norm": "no"})"
                              << "norm";
        QTest::newRow("place") << "logit-lens"
                               << R"({"position": 7})"
                               << "position";
        QTest::newRow("place of parts") << "direct-logit-attribution"
                                        << R"({"position": 99})"
                                        << "position";
    }
    void mistakes_are_named() {
        QFETCH(QString, analysis);
        QFETCH(QString, params);
        QFETCH(QString, said);
        auto session = open("gpt2");
        try {
            run(*session, qPrintable(analysis), Json::parse(params.toStdString()));
            QFAIL("no error");
        } catch (const Error& e) {
            QVERIFY2(QString(e.what()).contains(said), e.what());
        }
    }
};

QTEST_GUILESS_MAIN(TestLenses)
#include "test_lenses.moc"
