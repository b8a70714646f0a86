// Attribution patching as an analysis: directions, scales and pairs of unlike length; and against runs in which a little of the patch is
// put.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include "analyses/runner.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

using Ids = std::vector<std::int64_t>;

const Ids first{3, 17, 5, 9, 2, 11, 7}, second{3, 17, 21, 9, 2, 30, 7}, third{8, 4, 19, 6}, fourth{8, 4, 23, 6};
constexpr std::int64_t answer = 13, foil = 6;

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64", options.device = "cpu", options.threads = 1;
    return Session::open(options);
}

Json pair(const Ids& clean, const Ids& corrupt) {
    return {{"clean_ids", clean}, {"corrupt_ids", corrupt}, {"answer_id", answer}, {"foil_id", foil}};
}

Result run(Session& session, const char* analysis, Json pairs, Json params) {
    params["prompts"] = std::move(pairs);
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

std::vector<double> values(const Result& result, const char* view) {
    return std::get<Grid>(result.find(view)->view).values;
}

double summary(const Result& result, const std::string& name) {
    for (const auto& [key, value] : result.summary)
        if (key == name) return value;
    throw std::runtime_error("no " + name);
}

bool near(double a, double b, double tolerance = 1e-10) {
    return std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

// Moves head `head` of a layer's z by a part of the way to the other run's.
class Mixed : public SiteHandler {
  public:
    Mixed(SiteRef ref, std::int64_t head, Tensor other, double part) : ref_(ref), head_(head), other_(std::move(other)), part_(part) {}
    bool wants(SiteRef ref) const override { return ref == ref_; }
    Tensor see(SiteRef, Tensor x) override {
        Tensor y = x.clone();
        y.select(2, head_).add_((other_ - x).select(2, head_), part_);
        return y;
    }

  private:
    SiteRef ref_;
    std::int64_t head_;
    Tensor other_;
    double part_;
};

}  // namespace

class TestAttribution : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void each_model_data() {
        QTest::addColumn<QString>("model");
        for (const char* name : {"gpt2", "llama", "architectures/gemma2", "architectures/gptj"}) QTest::newRow(name) << name;
    }

    // (m(x + a Δ) − m(x − a Δ)) / 2a, either way round, from runs of the model that know nothing of attribution.
    void both_directions_are_slopes_data() { each_model_data(); }
    void both_directions_are_slopes() {
        QFETCH(QString, model);
        auto session = open(model.toStdString());
        const Transformer transformer = golden::load(model.toStdString(), at::kDouble);
        c10::AutoGradMode without_gradients(false);
        for (bool denoise : {true, false}) {
            const Result found = run(*session, "attribution-patching", Json::array({pair(first, second)}),
                                     {{"preset", "attn_head_out_all_pos"},
                                      {"metric", "logit_diff"},
                                      {"audit", 0},
                                      {"direction", denoise ? "denoise" : "noise"}});
            const Tensor base = ids_tensor({denoise ? second : first}), source = ids_tensor({denoise ? first : second});
            const auto changes = values(found, "change"), effects = values(found, "effect");
            const double start = summary(found, denoise ? "corrupt" : "clean");
            for (int layer = 0; layer < transformer.config.n_layers; ++layer) {
                const SiteRef z{Site::z, layer};
                Recorder other({z});
                transformer.forward(source, Tap(other));
                for (int head = 0; head < transformer.config.n_heads; ++head) {
                    auto metric = [&](double part) {
                        Mixed mixed(z, head, other.at(z), part);
                        const Tensor logits = transformer.forward(base, Tap(mixed))[0][base.size(1) - 1];
                        return (logits[answer] - logits[foil]).item<double>();
                    };
                    constexpr double part = 1e-5;
                    const double slope = (metric(part) - metric(-part)) / (2 * part);
                    const auto at = static_cast<std::size_t>(layer * transformer.config.n_heads + head);
                    QVERIFY2(near(changes[at], slope, 1e-6), qPrintable(QStringLiteral("%1 %2").arg(changes[at]).arg(slope)));
                    QVERIFY(near(effects[at], start + changes[at]));
                }
            }
        }
    }

    void recovery_is_a_ratio_of_means_data() { each_model_data(); }
    void recovery_is_a_ratio_of_means() {
        QFETCH(QString, model);
        auto session = open(model.toStdString());
        // Two pairs of unlike length: two groups.
        const Json pairs = Json::array({pair(first, second), pair(third, fourth)});
        for (const char* direction : {"denoise", "noise"}) {
            const Json params{{"preset", "attn_head_all_pos_every"}, {"audit", 0}, {"direction", direction}};
            Json plain = params, scaled = params;
            plain["metric"] = "logit_diff", scaled["metric"] = "logit_diff_recovery";
            const Result raw = run(*session, "attribution-patching", pairs, plain),
                         told = run(*session, "attribution-patching", pairs, scaled);
            const double clean = summary(raw, "clean"), gap = clean - summary(raw, "corrupt");
            const auto a = values(raw, "change"), b = values(told, "change"), c = values(raw, "effect"), d = values(told, "effect");
            const Grid& grid = std::get<Grid>(told.find("change")->view);
            for (std::size_t i = 0; i < a.size(); ++i) {
                if (!grid.computed(i)) continue;  // padding of key and value heads
                QVERIFY(near(b[i], a[i] / gap));
                QVERIFY(near(d[i], (c[i] - (clean - gap)) / gap));
            }
            // Several pairs: the mean of each alone.
            std::vector<double> alone(a.size(), 0);
            for (const Json& one : pairs) {
                const auto x = values(run(*session, "attribution-patching", Json::array({one}), plain), "change");
                for (std::size_t i = 0; i < x.size(); ++i) alone[i] += x[i] / 2;
            }
            for (std::size_t i = 0; i < a.size(); ++i)
                if (grid.computed(i)) QVERIFY(near(a[i], alone[i]));
        }
    }

    // What the audit computes is what activation patching says.
    void what_is_approximate_says_so() {
        auto session = open("gpt2");
        const Result found = run(*session, "attribution-patching", Json::array({pair(first, second)}), {{"audit", 4}});
        int approximate = 0, exact = 0;
        for (const NamedView& view : found.views)
            if (const auto* grid = std::get_if<Grid>(&view.view)) {
                const bool predicted = view.name == "effect" || view.name == "change";
                QCOMPARE(grid->approximate, std::string(predicted ? "first order" : ""));
                ++(predicted ? approximate : exact);
            }
        QCOMPARE(approximate, 2);
        QCOMPARE(exact, 3);
        const Result patched =
            run(*session, "activation-patching", Json::array({pair(first, second)}), {{"preset", "attn_head_out_all_pos"}});
        QVERIFY(std::get<Grid>(patched.find("effect")->view).approximate.empty());
    }

    void the_audit_is_exact() {
        auto session = open("gpt2");
        const Json pairs = Json::array({pair(first, second), pair(third, fourth)}), params{{"preset", "attn_head_out_all_pos"}};
        Json audited = params;
        audited["audit"] = 5;
        const Result found = run(*session, "attribution-patching", pairs, audited);
        const auto exact = values(run(*session, "activation-patching", pairs, params), "effect");
        const Grid& sample = std::get<Grid>(found.find("exact")->view);
        int drawn = 0;
        for (std::size_t i = 0; i < exact.size(); ++i) {
            if (!sample.computed(i)) continue;
            QVERIFY(near(sample.values[i], exact[i], 1e-9));
            ++drawn;
        }
        QCOMPARE(drawn, 5);
        QCOMPARE(summary(found, "audited_cells"), 5.0);
    }
};

QTEST_GUILESS_MAIN(TestAttribution)
#include "test_attribution.moc"
