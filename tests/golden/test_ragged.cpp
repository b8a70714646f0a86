// Prompts of unequal length in one batch, as the activation store packs them (padding behind each prompt): every row equals the prompt
// alone.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "golden.h"

using namespace microtome;

class TestRagged : public QObject {
    Q_OBJECT

    static golden::Rows prompts(const Transformer& model) {
        golden::Rows rows;
        const auto d_vocab = static_cast<std::int64_t>(model.config.d_vocab);
        for (const std::int64_t length : {5, 1, 7, 2, 6})
            for (rows.emplace_back(); static_cast<std::int64_t>(rows.back().size()) < length;)
                rows.back().push_back((7 * length + 5 * static_cast<std::int64_t>(rows.back().size()) + 1) % d_vocab);
        return rows;
    }

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void batched_equals_single_data();
    void batched_equals_single();
};

void TestRagged::batched_equals_single_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<bool>("fp64");
    for (const std::string& model : golden::models())
        for (const bool fp64 : {false, true})
            QTest::addRow("%s %s", model.c_str(), fp64 ? "fp64" : "fp32") << QString::fromStdString(model) << fp64;
}

void TestRagged::batched_equals_single() {
    QFETCH(QString, model);
    QFETCH(bool, fp64);
    const Transformer transformer = golden::load(model.toStdString(), fp64 ? at::kDouble : at::kFloat);
    const golden::Rows rows = prompts(transformer);
    golden::Rows zeros = rows, others = rows, in_front = rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        zeros[i].resize(7, 0);
        others[i].resize(7, transformer.config.d_vocab - 1);
        in_front[i].insert(in_front[i].begin(), 7 - rows[i].size(), 0);
    }
    const Tensor batch = transformer.forward(ids_tensor(zeros)), other = transformer.forward(ids_tensor(others)),
                 front = transformer.forward(ids_tensor(in_front));
    const double tolerance = golden::tolerance(transformer.dtype());
    int differing = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i), length = static_cast<std::int64_t>(rows[i].size());
        const Tensor alone = transformer.forward(ids_tensor({rows[i]}))[0];
        for (const Tensor& packed : {batch, other})
            QCOMPARE(QString::fromStdString(golden::difference(packed[row].narrow(0, 0, length), alone, tolerance)), QString());
        differing += golden::difference(front[row].narrow(0, 7 - length, length), alone, tolerance).empty() ? 0 : 1;
    }
    // Padding in front, which nothing masks, is told apart wherever there is any.
    QCOMPARE(differing, 4);
}

QTEST_GUILESS_MAIN(TestRagged)
#include "test_ragged.moc"
