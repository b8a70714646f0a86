// The wavefront sweep on every architecture: equal to the plain loop at the presets' sites, in float64 to 1e-9 of the scale, in float32
// within four times the loop's own rounding.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <cmath>

#include "golden.h"
#include "hooks/sweep/sweep.h"

using namespace microtome;

namespace {

std::vector<std::string> everything() {
    std::vector<std::string> out = golden::models();
    for (const auto& entry : std::filesystem::directory_iterator(golden::folder("architectures")))
        out.push_back("architectures/" + entry.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
}

// One pair that differs in the middle, one that differs everywhere.
PatchSweep sweep_of(const ModelConfig& config) {
    PatchSweep sweep;
    constexpr int length = 11;
    for (int which = 0; which < 2; ++which) {
        std::vector<std::int64_t> base, source;
        for (int p = 0; p < length; ++p) {
            base.push_back((7 * p + 5 * which + 1) % config.d_vocab);
            source.push_back(which == 1 || p == 4 ? (base.back() + 3) % config.d_vocab : base.back());
        }
        sweep.pairs.push_back({base, source, {{2}, {3 + which}}});
    }
    for (int p = 0; p < length; ++p) sweep.places.emplace_back(2, std::vector<std::int64_t>{p});
    for (Site site : {Site::resid_pre, Site::resid_mid, Site::attn_out, Site::mlp_out, Site::q, Site::k, Site::v, Site::z, Site::pattern}) {
        if (!has_site(config, site)) continue;
        for (int l = 0; l < config.n_layers; ++l) {
            for (int p = 0; p < length; p += 2) sweep.cells.push_back({PatchSlice{{site, l}, p}});
            if (site == Site::q || site == Site::z || site == Site::pattern)
                for (int h = 0; h < config.n_heads; ++h) {
                    sweep.cells.push_back({PatchSlice{{site, l}, -1, h}});
                    sweep.cells.push_back({PatchSlice{{site, l}, 5, h, site == Site::pattern ? 4 : -1}});
                }
        }
    }
    return sweep;
}

double largest(const PatchOutcome& a, const PatchOutcome& b) {
    double most = 0;
    for (std::size_t cell = 0; cell < a.values.size(); ++cell)
        for (std::size_t pair = 0; pair < a.values[cell].size(); ++pair)
            most = std::max(most, std::abs(a.values[cell][pair] - b.values[cell][pair]));
    return most;
}

}  // namespace

class TestSweep : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void equals_the_loop_data() {
        QTest::addColumn<QString>("model");
        for (const std::string& name : everything()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void equals_the_loop() {
        QFETCH(QString, model);
        Progress progress;
        Transformer exact = golden::load(model.toStdString(), at::kDouble), plain = golden::load(model.toStdString(), at::kFloat);
        PatchSweep sweep = sweep_of(exact.config);
        PatchOutcome truth = patch_loop(exact, sweep, progress), loop = patch_loop(plain, sweep, progress);
        double scale = 1, moved = 0;
        for (const auto& cell : truth.values)
            for (std::size_t pair = 0; pair < cell.size(); ++pair) {
                scale = std::max(scale, std::abs(cell[pair]));
                moved = std::max(moved, std::abs(cell[pair] - truth.base[pair]));
            }
        QVERIFY(moved > 1e-4);
        double wide = largest(patch_sweep(exact, sweep, progress), truth), narrow = largest(patch_sweep(plain, sweep, progress), truth);
        QVERIFY2(wide <= 1e-9 * scale, qPrintable(QString("float64: %1").arg(wide)));
        double allowed = 4 * largest(loop, truth) + 1e-7 * scale;
        QVERIFY2(narrow <= allowed, qPrintable(QString("float32: %1, allowed %2").arg(narrow).arg(allowed)));
    }
};

QTEST_GUILESS_MAIN(TestSweep)
#include "test_sweep.moc"
