// Greedy continuations through the key/value cache against generate() of transformers.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "core/base/json.h"
#include "core/generate.h"
#include "golden.h"

using namespace microtome;

class TestGeneration : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void greedy_data();
    void greedy();
};

void TestGeneration::greedy_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "gpt2-untied", "llama", "llama-tied"}) QTest::newRow(model) << model;
}

void TestGeneration::greedy() {
    QFETCH(QString, model);
    Transformer transformer = golden::load(model.toStdString(), at::kFloat);
    Progress progress;
    for (const Json& row : read_json(golden::folder("") / "generation.json").at(model.toStdString())) {
        auto expected = row.at("continuation_ids").get<std::vector<std::int64_t>>();
        GenerateOptions options;
        options.max_new_tokens = static_cast<int>(expected.size());
        QCOMPARE(generate(transformer, row.at("prompt_ids").get<std::vector<std::int64_t>>(), options, progress), expected);
    }
}

QTEST_GUILESS_MAIN(TestGeneration)
#include "test_generation.moc"
