// The kernels on this processor against their references; that they change nothing they should not, and refuse what is not there.
#include <ATen/ATen.h>

#include <QtTest>

#include "core/base/error.h"
#include "core/kernels/checks.h"
#include "core/kernels/logit_metric.h"
#include "core/kernels/scatter_patch.h"

using namespace microtome;

class TestKernels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void equal_their_references() {
        const std::vector<KernelCheck> checks = check_kernels(at::kCPU);
        QCOMPARE(checks.size(), std::size_t{4 * 6});
        for (const KernelCheck& check : checks) {
            QVERIFY2(check.shapes >= 4, check.name.c_str());
            QVERIFY2(check.error <= check.allowed, (check.name + ": " + std::to_string(check.error)).c_str());
        }
    }

    void scatter_leaves_its_input_alone() {
        const Tensor x = at::zeros({3, 2, 4}), values = at::ones({2, 2, 4});
        SliceList slices;
        slices.add(2, 1, 0);
        const Tensor y = scatter_patch(x, values, slices);
        QCOMPARE(x.sum().item<float>(), 0.f);
        QCOMPARE(y.sum().item<float>(), 4.f);
        QCOMPARE(y[2][0].sum().item<float>(), 4.f);
        QVERIFY(scatter_patch(x, values, {}).equal(x));
    }

    void scatter_refuses_what_is_not_there_data() {
        QTest::addColumn<int>("to");
        QTest::addColumn<int>("from");
        QTest::addColumn<int>("head");
        QTest::newRow("token of x") << 3 << 0 << -1;
        QTest::newRow("token of the values") << 0 << 2 << -1;
        QTest::newRow("head") << 0 << 0 << 2;
        QTest::newRow("negative") << -1 << 0 << 0;
    }
    void scatter_refuses_what_is_not_there() {
        QFETCH(int, to);
        QFETCH(int, from);
        QFETCH(int, head);
        SliceList slices;
        slices.add(to, from, head);
        QVERIFY_EXCEPTION_THROWN(scatter_patch(at::zeros({3, 2, 4}), at::ones({2, 2, 4}), slices), Error);
        QVERIFY_EXCEPTION_THROWN(scatter_patch(at::zeros({3, 8}), at::ones({3, 7}), {}), Error);
    }

    void readings_have_closed_forms() {
        const Tensor uniform = at::zeros({2, 8}), peaked = at::zeros({2, 8});
        peaked.select(1, 3).fill_(std::log(9.0));  // 9/16 on one token, 1/16 on the others
        const LogitReading reading = read_logits(uniform, peaked);
        QVERIFY(at::allclose(reading.log_sum, at::full({2}, std::log(8.0), at::kDouble), 0, 1e-15));
        const double expected = 9.0 / 16 * std::log(8 * 9.0 / 16) + 7.0 / 16 * std::log(8 / 16.0);
        QVERIFY(at::allclose(reading.divergence, at::full({2}, expected, at::kDouble), 0, 1e-7));
        QCOMPARE(read_logits(peaked, peaked).divergence.abs().max().item<double>() < 1e-15, true);
        QVERIFY(!read_logits(uniform).divergence.defined());
        QVERIFY(read_logits(at::full({1, 4}, std::nan(""))).log_sum.isnan().item<bool>());
        QVERIFY_EXCEPTION_THROWN(read_logits(uniform, at::zeros({2, 7})), Error);
    }
};

QTEST_GUILESS_MAIN(TestKernels)
#include "test_kernels.moc"
