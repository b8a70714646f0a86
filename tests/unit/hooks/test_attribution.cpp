// Attribution patching is the slope of the true patch at strength 0, for any site and slice; and what the audit says of it.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include "core/base/error.h"
#include "hooks/attribution.h"
#include "hooks/recorder.h"
#include "hooks/sweep/patch_runs.h"

using namespace microtome;

namespace {

constexpr int length = 6;

Transformer random_model(bool llama) {
    ModelConfig c;
    c.architecture = "test";
    c.n_layers = 2;
    c.n_heads = 4;
    c.n_kv_heads = llama ? 2 : 4;
    c.d_model = 16;
    c.d_head = 6;
    c.d_mlp = 20;
    c.d_vocab = 30;
    c.n_ctx = 16;
    if (llama) {
        c.norm = Norm::rms, c.positions = Positions::rotary, c.rotary.dim = 4, c.mlp = MlpKind::gated, c.qk_norm = c.post_norms = true;
        c.score_cap = 2, c.logit_cap = 3;
    }
    Transformer model = make_transformer(c, at::kDouble);
    auto generator = at::detail::createCPUGenerator(5);
    for (auto& [name, tensor] : model.parameters())
        tensor->add_(at::normal(0.0, 0.3, tensor->sizes(), generator, at::TensorOptions().dtype(at::kDouble)));
    return model;
}

PatchSweep two_pairs(const std::string& metric) {
    PatchSweep sweep;
    sweep.metric = metric_of(metric, "metric");
    for (std::int64_t i = 0; i < 2; ++i) {
        std::vector<std::int64_t> base, source;
        for (std::int64_t p = 0; p < length; ++p) base.push_back((3 * p + 7 * i) % 30), source.push_back((5 * p + 11 + i) % 30);
        sweep.pairs.push_back({base, source, {{3 + i}, {4}}});
    }
    for (std::int64_t p = 0; p < length; ++p) sweep.places.emplace_back(2, std::vector<std::int64_t>{p});
    return sweep;
}

// Adds `strength` times the difference of the runs to a slice.
class Nudge : public SiteHandler {
  public:
    Nudge(PatchSlice slice, Tensor delta, double strength) : slice_(slice), delta_(std::move(delta)), strength_(strength) {}
    bool wants(SiteRef ref) const override { return ref == slice_.ref; }
    Tensor see(SiteRef, Tensor x) override {
        Tensor mask = at::zeros_like(x, at::kBool), part = mask[0];
        const bool scores = is_score(slice_.ref.site);
        if (slice_.head >= 0) part = part.narrow(scores ? 0 : 1, slice_.head, 1);
        if (slice_.place >= 0) part = part.narrow(scores ? 1 : 0, slice_.place, 1);
        if (slice_.from >= 0) part = part.narrow(2, slice_.from, 1);
        part.fill_(true);
        return at::where(mask, x + strength_ * delta_, x);
    }

  private:
    PatchSlice slice_;
    Tensor delta_;
    double strength_;
};

double metric_with(const Transformer& model, const PatchSweep& sweep, std::size_t pair, SiteHandler& handler) {
    c10::AutoGradMode without_gradients(false);
    const Tensor ids = ids_tensor({sweep.pairs[pair].base});
    MetricBatch reading(sweep.metric, {&sweep.pairs[pair].question}, length);
    return numbers_of(reading(logits_at(model, ids, &handler, reading.positions())))[0];
}

Tensor difference(const Transformer& model, const PatchPair& pair, SiteRef ref) {
    c10::AutoGradMode without_gradients(false);
    Recorder source({ref}), base({ref});
    model.forward(ids_tensor({pair.source}), Tap(source));
    model.forward(ids_tensor({pair.base}), Tap(base));
    return (source.at(ref) - base.at(ref)).nan_to_num(0.0, 0.0, 0.0);
}

// Asks to stop after so many steps.
class StopAfter : public Progress {
  public:
    explicit StopAfter(int steps) : StopAfter(steps, {}) {}
    void step(std::int64_t, std::int64_t, std::string_view) override {
        if (--steps_ == 0) source_.request_stop();
    }

  private:
    StopAfter(int steps, std::stop_source source) : Progress(source.get_token()), source_(std::move(source)), steps_(steps) {
        if (steps == 0) source_.request_stop();
    }
    std::stop_source source_;
    int steps_;
};

}  // namespace

class TestAttribution : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void is_the_slope_of_the_patch_data() {
        QTest::addColumn<bool>("llama");
        QTest::addColumn<QString>("metric");
        for (bool llama : {false, true})
            for (const char* metric : {"logit(answer) - logit(foil)", "logprob(answer)"})
                QTest::addRow("%s %s", llama ? "llama" : "gpt2", metric) << llama << metric;
    }
    void is_the_slope_of_the_patch() {
        QFETCH(bool, llama);
        QFETCH(QString, metric);
        const Transformer model = random_model(llama);
        PatchSweep sweep = two_pairs(metric.toStdString());
        for (SiteRef ref : all_sites(model.config)) {
            const std::string_view axes = info(ref.site).axes;
            const bool heads = axes.find_first_of("hk") != std::string_view::npos;
            sweep.cells.push_back({PatchSlice{ref}});
            sweep.cells.push_back({PatchSlice{ref, 3}});
            if (heads) sweep.cells.push_back({PatchSlice{ref, 4, 1}}), sweep.cells.push_back({PatchSlice{ref, -1, 0}});
            if (is_score(ref.site)) sweep.cells.push_back({PatchSlice{ref, 4, 2, 1}});
        }
        Progress progress;
        const AttributionOutcome found = attribute_patches(model, sweep, progress);
        double largest = 0;
        for (std::size_t cell = 0; cell < sweep.cells.size(); ++cell)
            for (std::size_t pair = 0; pair < 2; ++pair) {
                const PatchSlice& slice = sweep.cells[cell][0];
                const Tensor delta = difference(model, sweep.pairs[pair], slice.ref);
                constexpr double step = 1e-5;
                Nudge up(slice, delta, step), down(slice, delta, -step);
                const double slope = (metric_with(model, sweep, pair, up) - metric_with(model, sweep, pair, down)) / (2 * step);
                const double got = found.changes[cell][pair];
                largest = std::max(largest, std::abs(slope));
                QVERIFY2(std::abs(slope - got) <= 1e-6 * (1 + std::abs(slope)),
                         (hook_name(slice.ref) + ": slope " + std::to_string(slope) + ", attribution " + std::to_string(got)).c_str());
            }
        QVERIFY(largest > 0.1);
    }

    void slices_add_up() {
        const Transformer model = random_model(false);
        PatchSweep sweep = two_pairs("logit(answer) - logit(foil)");
        const SiteRef z{Site::z, 1};
        sweep.cells.push_back({PatchSlice{z}});
        for (int h = 0; h < 4; ++h) sweep.cells.push_back({PatchSlice{z, -1, h}});
        Progress progress;
        const AttributionOutcome found = attribute_patches(model, sweep, progress);
        double sum = 0;
        for (std::size_t h = 1; h <= 4; ++h) sum += found.changes[h][1];
        QVERIFY(std::abs(sum - found.changes[0][1]) < 1e-12);
    }

    // Four pairs in passes of two: after the first pass a stop leaves those two; before it, nothing.
    void a_stop_keeps_the_pairs_that_are_finished() {
        const Transformer model = random_model(false);
        PatchSweep sweep = two_pairs("logit(answer) - logit(foil)");
        for (std::size_t again : {1, 0}) sweep.pairs.push_back(PatchPair(sweep.pairs[again]));
        sweep.batch_tokens = 1;
        sweep.cells.push_back({PatchSlice{SiteRef{Site::z, 1}}});
        Progress calm;
        const AttributionOutcome whole = attribute_patches(model, sweep, calm);
        QCOMPARE(whole.pairs, (std::vector<std::size_t>{0, 1, 2, 3}));
        StopAfter first(1), at_once(0);
        const AttributionOutcome part = attribute_patches(model, sweep, first);
        QCOMPARE(part.pairs, (std::vector<std::size_t>{0, 1}));
        for (std::size_t pair : part.pairs) QCOMPARE(part.changes[0][pair], whole.changes[0][pair]);
        QVERIFY_EXCEPTION_THROWN(attribute_patches(model, sweep, at_once), Cancelled);
    }

    void rank_is_refused() {
        PatchSweep sweep = two_pairs("logit(answer) - logit(foil)");
        sweep.metric = parse_metric("rank");
        Progress progress;
        QVERIFY_EXCEPTION_THROWN(attribute_patches(random_model(false), sweep, progress), Error);
    }
};

QTEST_GUILESS_MAIN(TestAttribution)
#include "test_attribution.moc"
