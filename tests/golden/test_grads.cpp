// d(logit difference) / d(site) for every site, against TransformerLens' gradients in double precision.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include "core/base/json.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

// Sites that copy the stream: a gradient taken there is of what is read through that copy, so they are kept in runs of their own.
const std::vector<std::vector<Site>> copies{{Site::q_input, Site::k_input, Site::v_input}, {Site::attn_in}};

std::vector<std::vector<SiteRef>> runs_of(const ModelConfig& config) {
    std::vector<std::vector<SiteRef>> runs(1 + copies.size());
    for (SiteRef ref : all_sites(config)) {
        std::size_t run = 0;
        for (std::size_t i = 0; i < copies.size(); ++i)
            if (std::find(copies[i].begin(), copies[i].end(), ref.site) != copies[i].end()) run = i + 1;
        runs[run].push_back(ref);
    }
    return runs;
}

}  // namespace

class TestGrads : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void gradients_data();
    void gradients();
};

void TestGrads::gradients_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "llama", "attn-only-ln"}) QTest::newRow(model) << model;
}

void TestGrads::gradients() {
    QFETCH(QString, model);
    std::string name = model.toStdString();
    golden::Reference reference(golden::folder(name) / "grads.safetensors");
    Json question = read_json(golden::folder(name) / "metric.json");
    Tensor answer = at::tensor(question.at("answer_ids").get<std::vector<std::int64_t>>()).unsqueeze(1),
           foil = at::tensor(question.at("foil_ids").get<std::vector<std::int64_t>>()).unsqueeze(1);
    Transformer transformer = golden::load(name, at::kDouble);
    Tensor ids = ids_tensor(golden::batch(name));
    c10::AutoGradMode grad(true);
    std::size_t compared = 0;
    for (const auto& sites : runs_of(transformer.config)) {
        if (sites.empty()) continue;
        Recorder recorder(sites, true);
        Tensor last = transformer.forward(ids, Tap(recorder)).select(1, -1);
        Tensor metric = (last.gather(1, answer) - last.gather(1, foil)).mean();
        QVERIFY(std::abs(metric.item<double>() - question.at("value").get<double>()) < 1e-9);
        metric.backward();
        for (SiteRef ref : sites) {
            std::string wrong = golden::difference(recorder.gradient(ref), reference.at(hook_name(ref)), 1e-9);
            QVERIFY2(wrong.empty(), (hook_name(ref) + ": " + wrong).c_str());
            ++compared;
        }
    }
    QCOMPARE(compared, reference.names().size());
}

QTEST_GUILESS_MAIN(TestGrads)
#include "test_grads.moc"
