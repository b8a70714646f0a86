// The plain patching loop on a random model: what a patch can't reach stays, what it does reach is what a run by hand gives.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <QtTest>

#include "core/base/error.h"
#include "hooks/edits.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

constexpr int layers = 3, length = 9, first_difference = 4;

Transformer random_model() {
    ModelConfig c;
    c.architecture = "test";
    c.n_layers = layers;
    c.n_heads = c.n_kv_heads = 2;
    c.d_model = 16;
    c.d_head = 8;
    c.d_mlp = 24;
    c.d_vocab = 30;
    c.n_ctx = 16;
    Transformer model = make_transformer(c, at::kDouble);
    auto generator = at::detail::createCPUGenerator(5);
    for (auto& [name, tensor] : model.parameters())
        tensor->add_(at::normal(0.0, 0.3, tensor->sizes(), generator, at::TensorOptions().dtype(at::kDouble)));
    return model;
}

PatchSweep sweep_of(Site site) {
    PatchSweep sweep;
    std::vector<std::int64_t> base{1, 2, 3, 4, 5, 6, 7, 8, 9}, source = base;
    source[first_difference] = 20;
    sweep.pairs = {{base, source, {{3}, {4}, {}}}};
    for (int p = 0; p < length; ++p) sweep.places.push_back({{p}});
    for (int l = 0; l < layers; ++l)
        for (int p = 0; p < length; ++p) sweep.cells.push_back({PatchSlice{{site, l}, p, -1, -1}});
    return sweep;
}

}  // namespace

class TestPatching : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void a_patch_reaches_only_its_causal_cone_data() {
        QTest::addColumn<bool>("skips");
        QTest::newRow("equal slices are not run") << true;
        QTest::newRow("every cell is run") << false;
    }
    void a_patch_reaches_only_its_causal_cone() {
        QFETCH(bool, skips);
        Transformer model = random_model();
        PatchSweep sweep = sweep_of(Site::attn_out);
        sweep.skip_unchanged = skips;
        Progress progress;
        PatchOutcome outcome = patch_loop(model, sweep, progress);
        double scale = std::abs(outcome.base[0]) + 1;
        int moved = 0;
        for (std::size_t i = 0; i < sweep.cells.size(); ++i) {
            int l = sweep.cells[i][0].ref.layer, p = sweep.cells[i][0].place;
            double off = std::abs(outcome.values[i][0] - outcome.base[0]);
            bool same = p < first_difference, last_layer_elsewhere = l == layers - 1 && p < length - 1;
            if (same && skips) QCOMPARE(outcome.values[i][0], outcome.base[0]);
            if (same || last_layer_elsewhere)
                QVERIFY2(off <= 1e-12 * scale, qPrintable(QString("L%1 position %2 moved by %3").arg(l).arg(p).arg(off)));
            else
                moved += off > 1e-6;
        }
        QVERIFY(moved > 5);
    }

    void batches_do_not_matter() {
        Transformer model = random_model();
        PatchSweep sweep = sweep_of(Site::resid_pre);
        Progress progress;
        PatchOutcome whole = patch_loop(model, sweep, progress);
        sweep.batch_tokens = 2 * length;
        PatchOutcome parts = patch_loop(model, sweep, progress);
        for (std::size_t i = 0; i < sweep.cells.size(); ++i) QVERIFY(std::abs(whole.values[i][0] - parts.values[i][0]) < 1e-12);
    }

    void a_stop_keeps_what_is_finished() {
        Transformer model = random_model();
        PatchSweep sweep = sweep_of(Site::resid_pre);
        sweep.batch_tokens = 2 * length;
        std::stop_source stop;
        Progress progress(stop.get_token());
        std::size_t finished = 0;
        PatchOutcome outcome = patch_loop(model, sweep, progress, [&](const PatchOutcome&, const std::vector<std::size_t>& cells) {
            finished += cells.size();
            if (finished >= 10) stop.request_stop();
        });
        QVERIFY(finished >= 10 && finished < sweep.cells.size());
        for (std::size_t i = 0; i < sweep.cells.size(); ++i) QCOMPARE(outcome.values[i].empty(), i >= finished);
    }

    void unequal_lengths_are_refused() {
        PatchSweep sweep = sweep_of(Site::resid_pre);
        sweep.pairs[0].source.pop_back();
        Progress progress;
        QVERIFY_THROWS_EXCEPTION(Error, patch_loop(random_model(), sweep, progress));
    }

    void edits_change_what_they_name_and_nothing_else() {
        Transformer model = random_model();
        Tensor ids = at::arange(length, at::kLong).unsqueeze(0);
        Edits edits({{"zero", EditKind::zero, {Site::z, 1}, {1}, {}, {{2, -1}}}}, model);
        Recorder before({{Site::z, 1}}), after({{Site::z, 1}});
        Chain changed({&edits, &after});
        model.residual(ids, Tap(before));
        model.residual(ids, Tap(changed));
        Tensor expected = before.at({Site::z, 1}).clone();
        expected.select(2, 1).select(1, 2).zero_();
        expected.select(2, 1).select(1, length - 1).zero_();
        QVERIFY(after.at({Site::z, 1}).equal(expected));
        edits.check_fired();
    }

    void an_edit_that_no_run_reaches_is_an_error() {
        Transformer model = random_model();
        Edits edits({{"late", EditKind::zero, {Site::z, 1}}}, model);
        QVERIFY_THROWS_EXCEPTION(Error, edits.check_fired());
        QVERIFY_THROWS_EXCEPTION(Error, Edits({{"none", EditKind::zero, {Site::z, 7}}}, model));
    }

    void a_replacement_of_another_shape_is_an_error() {
        struct Wrong : SiteHandler {
            bool wants(SiteRef ref) const override { return ref.site == Site::attn_out; }
            Tensor see(SiteRef, Tensor x) override { return x.narrow(1, 0, 1); }
        } wrong;
        Transformer model = random_model();
        QVERIFY_THROWS_EXCEPTION(Error, model.residual(at::arange(length, at::kLong).unsqueeze(0), Tap(wrong)));
    }
};

QTEST_GUILESS_MAIN(TestPatching)
#include "test_patching.moc"
