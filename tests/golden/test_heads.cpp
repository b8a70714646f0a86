// What is read off attention patterns: closed forms, the nulls, and the heads of trained models.
#include <ATen/ATen.h>

#include <QtTest>

#include "analyses/patterns.h"
#include "analyses/runner.h"
#include "core/worlds/rng.h"
#include "golden.h"

using namespace microtome;

namespace {

std::unique_ptr<Session> open(const std::string& model, const char* dtype = "float32") {
    ModelOptions options;
    options.model = model;
    options.dtype = dtype;
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

Result run(Session& session, const char* analysis, Json params) {
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

const Table& table(const Result& result, const char* name) {
    return std::get<Table>(result.find(name)->view);
}

std::size_t column(const Table& table, const std::string& name) {
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        if (table.columns[i].name == name) return i;
    throw std::runtime_error("no column " + name);
}

// (1, n, n): every query attends to all that it can, alike.
Tensor uniform(std::int64_t n) {
    return (at::tril(at::ones({n, n}, at::kDouble)) / at::arange(1, n + 1, at::kDouble).unsqueeze(1)).unsqueeze(0);
}

}  // namespace

class TestHeads : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void spread_has_known_ends() {
        AttentionSpread wide = attention_spread(uniform(5)), narrow = attention_spread(at::eye(5, at::kDouble).unsqueeze(0));
        double expected = (std::log(2) + std::log(3) + std::log(4) + std::log(5)) / 4;
        QVERIFY(std::abs(wide.entropy.item<double>() - expected) < 1e-12);
        QVERIFY(std::abs(wide.share.item<double>() - 1) < 1e-12);
        QCOMPARE(narrow.entropy.item<double>(), 0.0);
        QVERIFY(std::isnan(attention_spread(uniform(1)).share.item<double>()));
    }

    void detectors_of_position_mark_their_cells() {
        std::vector<std::int64_t> ids{4, 4, 7};
        QVERIFY(detector_matrix(Detector::first_token, ids).equal(at::tensor({0., 0., 0., 1., 0., 0., 1., 0., 0.}).view({3, 3})));
        QVERIFY(detector_matrix(Detector::self, ids).equal(at::tensor({0., 0., 0., 0., 1., 0., 0., 0., 1.}).view({3, 3})));
    }

    void random_marks_keep_their_number_and_stay_before_the_query() {
        Tensor marks = detector_matrix(Detector::duplicate_token, {1, 2, 1, 1, 2, 1, 3});
        Rng rng(5);
        Tensor seen = at::zeros_like(marks);
        for (int i = 0; i < 300; ++i) {
            Tensor drawn = random_marks(marks, 1, rng);
            QVERIFY(drawn.sum(1).equal(marks.sum(1)));
            QVERIFY(drawn.triu(1).sum().item<double>() == 0);
            QVERIFY(drawn.select(1, 0).sum().item<double>() == 0);
            seen += drawn;
        }
        // The last query with marks has 3 on 5 allowed sources: each is drawn alike.
        QVERIFY((seen[5].narrow(0, 1, 5) / 300 - 0.6).abs().max().item<double>() < 0.15);
    }

    void uniform_attention_is_its_own_null() {
        // Where attention is the same everywhere, a detector finds no more than random tokens hold.
        Tensor pattern = uniform(12), marks = detector_matrix(Detector::induction, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
        Rng rng(1);
        QCOMPARE(detector_score(pattern, random_marks(marks, 0, rng), false).item<double>(),
                 detector_score(pattern, marks, false).item<double>());
    }

    void the_trained_two_layer_model_has_the_textbook_heads() {
        auto session = open("induction-2l");
        Result result = run(*session, "head-scores", {{"n_sequences", 5}});
        const Table& scores = table(result, "scores");
        int induction = 0, previous = 0;
        for (const auto& row : scores.rows) {
            std::string classes = std::get<std::string>(row[column(scores, "class")]);
            auto layer = std::get<std::int64_t>(row[0]);
            induction += layer == 1 && classes.find("induction") != std::string::npos;
            previous += layer == 0 && classes.find("previous_token") != std::string::npos;
            QVERIFY(layer == 1 || classes.find("induction") == std::string::npos);  // what follows an earlier token takes two layers
            double null = std::get<double>(row[column(scores, "induction_null")]);
            QVERIFY(null > 0 && null < 0.1);
            QVERIFY(std::get<double>(row[column(scores, "induction_null_sd")]) > 0);
        }
        QVERIFY(induction >= 1);
        QVERIFY(previous >= 1);
        Result again = run(*session, "head-scores", {{"n_sequences", 5}}),
               other = run(*session, "head-scores", {{"n_sequences", 5}, {"seed", 1}});
        QVERIFY(table(again, "scores").rows == scores.rows);
        QVERIFY(table(other, "scores").rows != scores.rows);
        Result strict = run(*session, "head-scores", {{"n_sequences", 5}, {"threshold", 1.0}});
        for (const auto& row : table(strict, "scores").rows) QCOMPARE(std::get<std::string>(row[column(scores, "class")]), std::string());
    }
};

QTEST_GUILESS_MAIN(TestHeads)
#include "test_heads.moc"
