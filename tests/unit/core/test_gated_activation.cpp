// The vectorised activations in every instruction set that this processor has, against their definitions in double precision.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <QtTest>
#include <cmath>
#include <limits>

#include "core/kernels/gated_activation.h"

using namespace microtome;

namespace {

Tensor expected(const Tensor& y, bool silu) {
    return y * at::sigmoid(silu ? y : 2 * std::sqrt(2 / M_PI) * (y + 0.044715 * y.pow(3)));
}

}  // namespace

class TestGatedActivation : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void equal_torchs_data() {
        QTest::addColumn<bool>("silu");
        QTest::addColumn<bool>("twice");
        QTest::addColumn<bool>("biased");
        for (bool silu : {false, true})
            for (bool twice : {false, true})
                for (bool biased : {false, true})
                    QTest::addRow("%s, %s, %s", silu ? "silu" : "gelu_tanh", twice ? "float64" : "float32", biased ? "bias" : "no bias")
                        << silu << twice << biased;
    }
    void equal_torchs() {
        QFETCH(bool, silu);
        QFETCH(bool, twice);
        QFETCH(bool, biased);
        const auto type = twice ? at::kDouble : at::kFloat;
        const double rounding = twice ? 0x1p-53 : 0x1p-24;
        auto generator = at::detail::createCPUGenerator(3);
        for (const GateLanes* lanes : gate_lanes())
            for (std::int64_t width : {1, 7, 16, 65, 3072}) {
                const Tensor x = at::normal(0.0, 3.0, {5, width}, generator).to(type),
                             bias = biased ? at::normal(0.0, 1.0, {width}, generator).to(type) : Tensor();
                const Tensor y = x.clone(), sum = (biased ? x + bias : x).to(at::kDouble);
                gate_(y, bias, silu ? silu_form : gelu_tanh_form, *lanes);
                // The gate's exponent is rounded, so a small gate has a relative error of that many roundings.
                const Tensor allowed =
                    rounding * (6 + 4 * (sum.abs() + (silu ? at::zeros_like(sum) : 0.1 * sum.abs().pow(3)))) * expected(sum, silu).abs() +
                    1e-30;
                const Tensor wrong = (y.to(at::kDouble) - expected(sum, silu)).abs() > allowed;
                QVERIFY2(!wrong.any().item<bool>(), qPrintable(QString("%1, width %2").arg(lanes->name).arg(width)));
            }
    }

    // torch's tanh form loses its digits in the tails: only as close as they are to 1.
    void near_torchs() {
        const Tensor x = at::linspace(-12, 12, 4801, at::kDouble), y = x.clone(), z = x.clone();
        gate_(y, {}, gelu_tanh_form);
        gate_(z, {}, silu_form);
        QVERIFY((y - at::gelu(x, "tanh")).abs().max().item<double>() < 1e-14);
        QVERIFY((z - at::silu(x)).abs().max().item<double>() < 1e-14);
    }

    void ends_and_nan() {
        const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
        for (const GateLanes* lanes : gate_lanes())
            for (const GateForm& form : {silu_form, gelu_tanh_form}) {
                const Tensor y = at::tensor({0.0F, -0.0F, 1e4F, -1e4F, 3e38F, inf, nan, -200.0F});
                gate_(y, {}, form, *lanes);
                const auto* v = y.const_data_ptr<float>();
                QVERIFY(v[0] == 0 && v[1] == 0 && v[2] == 1e4F && std::abs(v[3]) < 1e-25F && v[4] == 3e38F && v[5] == inf);
                QVERIFY(std::isnan(v[6]) && std::abs(v[7]) < 1e-25F);
            }
    }

    // A number's bits do not depend on where in a row it stands, nor on threads.
    void the_same_bits_everywhere() {
        for (const GateLanes* lanes : gate_lanes()) {
            const Tensor one = at::full({1}, 0.731F), many = at::full({300, 333}, 0.731F);
            gate_(one, {}, gelu_tanh_form, *lanes);
            gate_(many, {}, gelu_tanh_form, *lanes);
            QVERIFY(at::eq(many, one).all().item<bool>());
        }
    }

    void what_it_takes() {
        QVERIFY(can_gate(at::zeros({2, 3})) && can_gate(at::zeros({2, 3}, at::kDouble)));
        QVERIFY(!can_gate(at::zeros({2, 3}, at::kHalf)) && !can_gate(at::zeros({3, 2}).t()));
        QVERIFY(!can_gate(at::zeros({2, 3}).requires_grad_(true)));
    }
};

QTEST_GUILESS_MAIN(TestGatedActivation)
#include "test_gated_activation.moc"
