// One patch looked at closely: the lens of each run against the logit lens of that prompt and against a patched run made by hand; the
// difference against the runs, and exactly nothing outside the causal cone.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <cmath>

#include "analyses/runner.h"
#include "core/base/error.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

using Ids = std::vector<std::int64_t>;

const Ids clean{3, 17, 5, 9, 2, 11, 7}, corrupt{3, 17, 21, 9, 2, 30, 7};
constexpr std::int64_t answer = 13, foil = 6;
constexpr int layer = 1, position = 2;

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64", options.device = "cpu", options.threads = 1;
    return Session::open(options);
}

Result run(Session& session, const char* analysis, Json params, bool question = true) {
    Json pair{{"clean_ids", clean}, {"corrupt_ids", corrupt}};
    if (question) pair["answer_id"] = answer, pair["foil_id"] = foil;
    params["prompts"] = Json::array({pair});
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

Result patch(Session& session, const char* direction, const char* from = "base") {
    return run(session, "single-patch", {{"layer", layer}, {"position", position}, {"direction", direction}, {"difference_from", from}});
}

const Grid& grid(const Result& result, const char* name) {
    return std::get<Grid>(result.find(name)->view);
}

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-9 * (1 + std::abs(b));
}

/// Puts one position of the other run's stream into the layer's input.
class Put : public SiteHandler {
  public:
    explicit Put(Tensor other) : other_(std::move(other)) {}
    bool wants(SiteRef ref) const override { return ref == SiteRef{Site::resid_pre, layer}; }
    Tensor see(SiteRef, Tensor x) override {
        Tensor y = x.clone();
        y.select(1, position).copy_(other_.select(1, position));
        return y;
    }

  private:
    Tensor other_;
};

struct Patched {
    Tensor logits;               // (pos, d_vocab)
    std::vector<Tensor> stream;  // by layer, (pos, d_model)
};

Patched patched_by_hand(const Transformer& model, const Ids& base, const Ids& source) {
    Recorder other({{Site::resid_pre, layer}});
    model.residual(ids_tensor({source}), Tap(other));
    Put put(other.at({Site::resid_pre, layer}));
    std::vector<SiteRef> refs;
    for (int l = 0; l < model.config.n_layers; ++l) refs.push_back({Site::resid_post, l});
    Recorder recorder(refs);
    Chain chain({&put, &recorder});
    Patched found{model.forward(ids_tensor({base}), Tap(chain))[0], {}};
    for (SiteRef ref : refs) found.stream.push_back(recorder.at(ref)[0]);
    return found;
}

void both_directions() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<bool>("denoise");
    std::vector<std::string> names = golden::models();
    for (const char* name : {"gemma2", "gptj", "phi"}) names.push_back(std::string("architectures/") + name);
    for (const std::string& name : names)
        for (bool denoise : {true, false})
            QTest::addRow("%s %s", name.c_str(), denoise ? "denoise" : "noise") << QString::fromStdString(name) << denoise;
}

}  // namespace

class TestSinglePatch : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() {
        at::set_num_threads(1);
        c10::GradMode::set_enabled(false);
    }

    void the_lens_of_each_run_is_the_logit_lens_data() { both_directions(); }
    void the_lens_of_each_run_is_the_logit_lens() {
        QFETCH(QString, model);
        QFETCH(bool, denoise);
        auto session = open(model.toStdString());
        const Result found = patch(*session, denoise ? "denoise" : "noise");
        const std::pair<const char*, const char*> same[] = {{"lens", "top"}, {"lens_answer", "probability"}, {"lens_margin", "difference"}};
        const char* runs[] = {"clean", "corrupt"};
        for (std::size_t r = 0; r < 2; ++r) {
            const Result lens = run(*session, "logit-lens", {{"run", runs[r]}, {"at", "post"}});
            for (const auto& [ours, theirs] : same) {
                const Grid &all = grid(found, ours), &one = grid(lens, theirs);
                QCOMPARE(all.size(), 3 * one.size());
                for (std::size_t i = 0; i < one.size(); ++i) QVERIFY2(near(all.values[r * one.size() + i], one.values[i]), ours);
            }
            for (std::size_t i = 0; i < grid(lens, "top").size(); ++i)
                QCOMPARE(grid(found, "lens").texts[r * grid(lens, "top").size() + i], grid(lens, "top").texts[i]);
        }
        QCOMPARE(grid(found, "lens").axes[0].labels, (std::vector<std::string>{"clean", "corrupted", "patched"}));
    }

    void the_patched_run_is_the_one_made_by_hand_data() { both_directions(); }
    void the_patched_run_is_the_one_made_by_hand() {
        QFETCH(QString, model);
        QFETCH(bool, denoise);
        auto session = open(model.toStdString());
        const Result found = patch(*session, denoise ? "denoise" : "noise");
        const Transformer reference = golden::load(model.toStdString(), at::kDouble);
        const Patched hand = patched_by_hand(reference, denoise ? corrupt : clean, denoise ? clean : corrupt);
        const Tensor prob = at::softmax(hand.logits, -1);
        const auto n = clean.size(), layers = static_cast<std::size_t>(reference.config.n_layers), last = (3 * layers - 1) * n;
        for (std::size_t p = 0; p < n; ++p) {
            const auto at = static_cast<std::int64_t>(p);
            QVERIFY(near(grid(found, "lens").values[last + p], prob[at].max().item<double>()));
            QVERIFY(near(grid(found, "lens_answer").values[last + p], prob[at][answer].item<double>()));
            QVERIFY(near(grid(found, "lens_margin").values[last + p], (hand.logits[at][answer] - hand.logits[at][foil]).item<double>()));
        }
        if (model != "gpt2") return;
        for (std::size_t l = 0; l < layers; ++l) {  // the formula written out, on the layers in between
            const Tensor x = at::layer_norm(hand.stream[l], {hand.stream[l].size(-1)}, reference.ln_final.weight, reference.ln_final.bias,
                                            reference.ln_final.eps);
            const Tensor lens = at::softmax(at::mm(x, reference.unembed.weight), -1);
            for (std::size_t p = 0; p < n; ++p)
                QVERIFY(near(grid(found, "lens_answer").values[(2 * layers + l) * n + p],
                             lens[static_cast<std::int64_t>(p)][answer].item<double>()));
        }
    }

    void the_difference_is_patched_less_the_run_asked_for() {
        auto session = open("gpt2");
        for (const char* direction : {"denoise", "noise"})
            for (const char* from : {"base", "clean", "corrupt"}) {
                const Result found = patch(*session, direction, from);
                const bool clean_run = std::string(from) == "clean" || (std::string(from) == "base" && std::string(direction) == "noise");
                for (const char* name : {"lens_answer", "lens_margin"}) {
                    const Grid &all = grid(found, name), &difference = grid(found, (std::string(name) + "_difference").c_str());
                    const std::size_t n = difference.size();
                    QVERIFY(difference.diverging);
                    QVERIFY(difference.unit.ends_with(clean_run ? "patched − clean" : "patched − corrupted"));
                    for (std::size_t i = 0; i < n; ++i)
                        QVERIFY(near(difference.values[i], all.values[2 * n + i] - all.values[(clean_run ? 0 : n) + i]));
                }
            }
    }

    void nothing_changes_outside_the_causal_cone_data() { both_directions(); }
    void nothing_changes_outside_the_causal_cone() {
        QFETCH(QString, model);
        QFETCH(bool, denoise);
        auto session = open(model.toStdString());
        const Result found = patch(*session, denoise ? "denoise" : "noise");
        const Grid& top = grid(found, "lens_difference");
        const std::size_t n = clean.size();
        for (const char* name : {"lens_difference", "lens_answer_difference", "lens_margin_difference"})
            for (std::size_t l = 0; l < top.axes[0].size(); ++l)
                for (std::size_t p = 0; p < n; ++p) {
                    const double change = grid(found, name).values[l * n + p];
                    if (l < layer || p < position) QVERIFY2(change == 0, name);
                }
        QVERIFY(top.values[layer * n + position] != 0);
        for (std::size_t i = 0; i < top.size(); ++i)  // an unchanged cell shows what the run says there
            if (top.values[i] == 0) QCOMPARE(top.texts[i], grid(found, "lens").texts[2 * top.size() + i]);
    }

    void the_token_that_changes_most_is_told() {
        auto session = open("gpt2");
        const Result found = patch(*session, "denoise");
        const Transformer reference = golden::load("gpt2", at::kDouble);
        const Patched hand = patched_by_hand(reference, corrupt, clean);
        const Tensor base = at::softmax(reference.forward(ids_tensor({corrupt}))[0], -1), now = at::softmax(hand.logits, -1);
        const std::size_t n = clean.size(), last = grid(found, "lens_difference").size() - n;
        for (std::int64_t p = 0; p < static_cast<std::int64_t>(n); ++p) {
            double most = 0;
            for (std::int64_t t = 0; t < now.size(1); ++t)
                if (const double change = now[p][t].item<double>() - base[p][t].item<double>(); std::abs(change) > std::abs(most))
                    most = change;
            QVERIFY(near(grid(found, "lens_difference").values[last + static_cast<std::size_t>(p)], most));
        }
    }

    void without_a_question_the_lens_is_left() {
        auto session = open("gpt2");
        const Result found = run(*session, "single-patch", {{"layer", layer}}, false);
        QVERIFY(found.find("lens") && found.find("lens_difference") && found.find("tokens"));
        for (const char* name : {"lens_answer", "lens_answer_difference", "lens_margin", "lens_margin_difference"})
            QVERIFY2(!found.find(name), name);
    }

    void positions_that_differ_tell_both_tokens() {
        auto session = open("gpt2");
        const Result found = patch(*session, "denoise");
        const std::vector<std::string>&both = grid(found, "lens").axes[2].labels, &one = grid(found, "lens_difference").axes[1].labels;
        for (std::size_t p = 0; p < clean.size(); ++p) {
            if (clean[p] == corrupt[p])
                QCOMPARE(both[p], one[p]);
            else
                QVERIFY(both[p].ends_with("/" + one[p]) && both[p] != one[p]);  // the difference is of the corrupted prompt
        }
    }

    void a_run_that_does_not_exist_is_refused() {
        auto session = open("gpt2");
        try {
            patch(*session, "denoise", "source");
            QFAIL("nothing was said");
        } catch (const Error& error) {
            QVERIFY2(std::string(error.what()).find("difference_from") != std::string::npos, error.what());
        }
    }
};

QTEST_GUILESS_MAIN(TestSinglePatch)
#include "test_single_patch.moc"
