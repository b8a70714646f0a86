// What the audit of an approximation draws, and when it trusts.
#include <QtTest>
#include <cmath>
#include <set>

#include "analyses/audit.h"

using namespace microtome;

class TestAudit : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void draws_every_size_and_layer() {
        std::vector<double> scores;
        std::vector<int> layers;
        for (int i = 0; i < 400; ++i) scores.push_back(std::pow(-1, i) * i), layers.push_back(i % 4);
        const AuditPlan plan = plan_audit(scores, layers, 64, 1);
        QCOMPARE(plan.sample.size(), std::size_t{64});
        std::vector<int> decile(10, 0), layer(4, 0);
        for (std::size_t cell : plan.sample)
            ++decile[static_cast<std::size_t>(plan.stratum[cell].second)], ++layer[static_cast<std::size_t>(layers[cell])];
        for (int n : decile) QVERIFY(n == 6 || n == 7);
        for (int n : layer) QVERIFY(n >= 14);
        QCOMPARE(plan.stratum[0].second, 0);  // the smallest score is in the first decile
        QCOMPARE(plan.stratum[399].second, 9);
        QCOMPARE(std::set<std::size_t>(plan.sample.begin(), plan.sample.end()).size(), std::size_t{64});
        QVERIFY(plan_audit(scores, layers, 64, 1).sample == plan.sample);
        QVERIFY(plan_audit(scores, layers, 64, 2).sample != plan.sample);
    }
    void few_cells_are_all_drawn() {
        const AuditPlan plan = plan_audit({3, -1, 0}, {0, 0, 1}, 64, 0);
        QVERIFY(plan.sample == (std::vector<std::size_t>{0, 1, 2}));
    }
    void trusts_as_defined() {
        // Range 10: errors up to 0.125 pass whatever the value, a quarter of the value does otherwise, and a wrong sign never.
        const std::vector<double> exact{10, 8, 4, 0.0, 2, 0.3}, scores{8, 5.9, 4.9, 0.1, -2, 0.2};
        const Audit audit = judge(scores, exact);
        QVERIFY(audit.trusted == (std::vector<bool>{true, false, true, true, false, true}));
        QVERIFY(std::abs(audit.trusted_share - 4.0 / 6) < 1e-12);
        QCOMPARE(audit.largest_error, 4.0);
    }
    void correlations() {
        QVERIFY(std::abs(judge({1, 2, 3, 4}, {2, 4, 6, 8}).pearson - 1) < 1e-12);
        QVERIFY(std::abs(judge({1, 2, 3, 4}, {1, 8, 27, 64}).spearman - 1) < 1e-12);
        QVERIFY(std::abs(judge({4, 3, 2, 1}, {1, 8, 27, 64}).spearman + 1) < 1e-12);
        QVERIFY(std::abs(judge({1, 1, 2}, {1, 2, 3}).spearman - std::sqrt(3) / 2) < 1e-12);  // ties share their mean rank
        QVERIFY(std::isnan(judge({1}, {1}).spearman));
    }
    void rates_are_of_the_same_size() {
        const std::vector<double> scores{0.1, 0.2, 5, 6};
        AuditPlan plan;
        plan.sample = {0, 2};
        plan.stratum = {{0, 0}, {0, 0}, {0, 9}, {0, 9}};
        Audit audit;
        audit.trusted = {false, true};
        const auto rates = stratum_rates(plan, audit);
        QVERIFY(rates == (std::vector<double>{0, 0, 1, 1}));
        const Table table = strata_table(plan, audit, {0.1, 5}, {1, 5});
        QCOMPARE(table.rows.size(), std::size_t{2});
        QCOMPARE(std::get<std::int64_t>(table.rows[0][1]), 2);
        QCOMPARE(std::get<double>(table.rows[0][4]), 0.9);
    }
    // Four of layer 0 and three of layer 1 in one decile; layer 2 has a cell there that was not drawn.
    void rates_are_of_the_layer_too_where_enough_was_drawn() {
        AuditPlan plan;
        plan.sample = {0, 1, 2, 3, 5, 6, 7};
        plan.stratum = {{0, 4}, {0, 4}, {0, 4}, {0, 4}, {0, 4}, {1, 4}, {1, 4}, {1, 4}, {2, 4}, {0, 5}};
        Audit audit;
        audit.trusted = {true, true, true, false, false, false, false};
        const auto rates = stratum_rates(plan, audit);
        for (std::size_t cell : {0, 4}) QCOMPARE(rates[cell], 3.0 / 4);
        for (std::size_t cell : {5, 8}) QCOMPARE(rates[cell], 3.0 / 7);
        QVERIFY(std::isnan(rates[9]));
    }
};

QTEST_GUILESS_MAIN(TestAudit)
#include "test_audit.moc"
