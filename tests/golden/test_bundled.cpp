// What the model cards say of the bundled models holds: tasks on held-out items, a head that moves the name, induction heads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <map>

#include "analyses/runner.h"
#include "analyses/session_impl.h"
#include "core/worlds/world.h"
#include "hooks/patching.h"

using namespace microtome;

namespace {

std::string folder(const std::string& model) {
    return std::string(MICROTOME_SOURCE_DIR "/resources/models/") + model;
}

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = folder(model);
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

std::int64_t id_of(const Session& session, const std::string& word) {
    return session.impl().tokenizer->token_id(word).value();
}

// Accuracy (or the answers' mean probability) over the suite's items, by the definition in resources/docs/worlds.md.
double score(const Session& session, const Suite& suite) {
    std::map<std::size_t, std::vector<std::size_t>> by_length;
    std::vector<std::vector<std::int64_t>> prompts;
    for (std::size_t i = 0; i < suite.items.size(); ++i) {
        Prompt prompt;
        prompt.text = suite.items[i].prompt;
        prompts.push_back(resolve(session, prompt));
        by_length[prompts[i].size()].push_back(i);
    }
    double sum = 0;
    for (const auto& [length, items] : by_length) {
        std::vector<std::vector<std::int64_t>> rows;
        for (std::size_t i : items) rows.push_back(prompts[i]);
        Tensor p = at::softmax(last_logits(session.impl().model, ids_tensor(rows), nullptr).to(at::kDouble), -1);
        for (std::size_t k = 0; k < items.size(); ++k) {
            Tensor row = p[static_cast<std::int64_t>(k)];
            std::int64_t best = row.argmax().item<std::int64_t>();
            for (const std::string& answer : suite.items[items[k]].answers) {
                std::int64_t id = id_of(session, answer);
                sum += suite.metric == "mass" ? row[id].item<double>() : best == id ? 1.0 : 0.0;
            }
        }
    }
    return sum / static_cast<double>(suite.items.size());
}

Grid grid(const RunRecord& record, const std::string& view) {
    return std::get<Grid>(record.result.find(view)->view);
}

}  // namespace

class TestBundled : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void tasks_data();
    void tasks();
    void a_late_head_moves_the_name();
    void induction_heads_data();
    void induction_heads();
};

void TestBundled::tasks_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("suite");
    QTest::addColumn<double>("least");
    auto row = [](const char* model, const char* suite, double least) {
        QTest::newRow(qPrintable(QString("%1 %2").arg(model, suite))) << model << suite << least;
    };
    row("tinyworld", "ioi", 0.95);
    row("tinyworld", "facts", 0.95);
    row("tinyworld", "induction", 0.9);
    row("tinyworld", "agreement", 0.95);
    row("tinyworld", "greater_than", 0.9);
    row("tinyworld", "truth", 0.95);
    row("tinyworld", "refusal", 0.85);
    row("tinyworld", "pronouns", 0.95);
    row("tinyworld", "sentiment", 0.9);
    row("induction-2l", "induction", 0.9);
}

void TestBundled::tasks() {
    QFETCH(QString, model);
    QFETCH(QString, suite);
    QFETCH(double, least);
    c10::AutoGradMode without_gradients(false);
    auto session = open(model.toStdString());
    Suite items = read_suite(folder(model.toStdString()) + "/suites/" + suite.toStdString() + ".json");
    QVERIFY(items.items.size() >= 500);
    double reached = score(*session, items);
    QVERIFY2(reached >= least, std::to_string(reached).c_str());
}

// The README's first circuit: of the last two layers, a head whose output brings the name back and that reads it from the last word.
void TestBundled::a_late_head_moves_the_name() {
    auto session = open("tinyworld");
    const std::string clean = "when tom and ann went to the park , tom gave a ball to";
    Json pair{
        {"clean", clean}, {"corrupt", "when tom and mary went to the park , tom gave a ball to"}, {"answer", "ann"}, {"foil", "mary"}};
    RunRequest sweep;
    sweep.analysis = "activation-patching";
    sweep.params = {{"prompts", Json::array({pair})}, {"preset", "attn_head_out_all_pos"}, {"metric", "logit_diff_recovery"}};
    RunRequest patterns;
    patterns.analysis = "attention-patterns";
    patterns.params = {{"prompts", Json::array({Json{{"text", clean}}})}};
    RunProgress progress;
    Grid effect = grid(run_analysis(*session, sweep, progress), "effect");
    Grid pattern = grid(run_analysis(*session, patterns, progress), "pattern");
    const std::size_t heads = 4, length = 15, name = 4;  // "ann"; <bos> is position 0
    QCOMPARE(pattern.size(), 4 * heads * length * length);
    bool found = false;
    for (std::size_t head = 2 * heads; head < 4 * heads; ++head)
        found = found || (effect.values[head] >= 0.2 && pattern.values[(head * length + length - 1) * length + name] >= 0.3);
    QVERIFY(found);
}

void TestBundled::induction_heads_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"tinyworld", "induction-2l"}) QTest::newRow(model) << model;
}

void TestBundled::induction_heads() {
    QFETCH(QString, model);
    auto session = open(model.toStdString());
    RunRequest request;
    request.analysis = "head-scores";
    RunProgress progress;
    RunRecord record = run_analysis(*session, request, progress);
    const auto& induction = grid(record, "induction").values;
    const auto& previous = grid(record, "previous_token").values;
    QVERIFY(*std::max_element(induction.begin(), induction.end()) >= 0.5);
    QVERIFY(*std::max_element(previous.begin(), previous.end()) >= 0.5);
}

QTEST_GUILESS_MAIN(TestBundled)
#include "test_bundled.moc"
