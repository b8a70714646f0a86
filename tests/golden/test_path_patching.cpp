// Path patching against TransformerLens' hooks (make_path_patching.py), against exact edge effects, and against what must hold of any
// model.
#include <ATen/ATen.h>

#include <QtTest>

#include "analyses/path_nodes.h"
#include "analyses/runner.h"
#include "core/base/json.h"
#include "golden.h"
#include "hooks/path_patching.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

Json pairs_of(const Json& set) {
    Json pairs = Json::array();
    for (std::size_t i = 0; i < set.at("clean_ids").size(); ++i)
        pairs.push_back({{"clean_ids", set["clean_ids"][i]},
                         {"corrupt_ids", set["corrupt_ids"][i]},
                         {"answer_id", set["answer_ids"][i]},
                         {"foil_id", set["foil_ids"][i]}});
    return pairs;
}

// Two pairs of unlike length, so that two groups run.
PathSweep sweep_of(const Transformer& model) {
    PathSweep sweep;
    std::int64_t vocab = model.config.d_vocab;
    for (std::int64_t length : {6, 9}) {
        PatchPair pair;
        for (std::int64_t i = 0; i < length; ++i) {
            pair.base.push_back((7 * i + length) % vocab);
            pair.source.push_back(i % 3 == 1 ? (11 * i + 2) % vocab : pair.base.back());
        }
        pair.question = {{3}, {8}, {}, {}, {}};
        sweep.pairs.push_back(pair);
    }
    return sweep;
}

PatchOutcome run(const Transformer& model, const PathSweep& sweep) {
    Progress progress;
    return path_patch(model, sweep, progress);
}

// Adds a fixed tensor to one site of one head (or all of it).
class Adder : public SiteHandler {
  public:
    Adder(SiteRef ref, int head, Tensor delta) : ref_(ref), head_(head), delta_(std::move(delta)) {}
    bool wants(SiteRef ref) const override { return ref == ref_; }
    Tensor see(SiteRef, Tensor x) override {
        Tensor y = x.clone();
        (head_ < 0 ? y : y.select(2, head_)).add_(delta_);
        return y;
    }

  private:
    SiteRef ref_;
    int head_;
    Tensor delta_;
};

// What the sender writes to the stream, (1, pos, d_model).
Tensor written(const Transformer& model, const PathNode& sender, const std::vector<std::int64_t>& ids) {
    SiteRef ref = sender.ref.site == Site::z ? SiteRef{Site::result, sender.ref.layer} : sender.ref;
    Recorder recorder({ref});
    model.residual(ids_tensor({ids}), Tap(recorder));
    const Tensor& x = recorder.at(ref);
    return sender.head < 0 ? x : x.select(2, sender.head);
}

// The receiver's copy of the stream: pre-norm, a head's own for queries, keys and values.
SiteRef stream_of(const PathNode& receiver) {
    switch (receiver.ref.site) {
        case Site::q:
            return {Site::q_input, receiver.ref.layer};
        case Site::k:
            return {Site::k_input, receiver.ref.layer};
        case Site::v:
            return {Site::v_input, receiver.ref.layer};
        default:
            return receiver.ref;
    }
}

std::vector<PathNode> all_receivers(const ModelConfig& c) {
    std::vector<PathNode> out;
    for (int l = 0; l < c.n_layers; ++l) {
        for (int h = 0; h < c.n_heads; ++h) out.push_back({{Site::q, l}, h});
        for (int h = 0; h < c.n_kv_heads; ++h) out.push_back({{Site::k, l}, h}), out.push_back({{Site::v, l}, h});
        if (c.mlp != MlpKind::none) out.push_back({{Site::mlp_in, l}, -1});
    }
    out.push_back({{Site::resid_post, c.n_layers - 1}, -1});
    return out;
}

std::vector<PathNode> all_senders(const ModelConfig& c) {
    std::vector<PathNode> out{{{Site::embed, -1}, -1}};
    for (int l = 0; l < c.n_layers; ++l) {
        for (int h = 0; h < c.n_heads; ++h) out.push_back({{Site::z, l}, h});
        if (c.mlp != MlpKind::none) out.push_back({{Site::mlp_out, l}, -1});
    }
    return out;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
    double gap = 0;
    for (std::size_t i = 0; i < a.size(); ++i) gap = std::max(gap, std::abs(a[i] - b[i]));
    return a.size() == b.size() ? gap : INFINITY;
}

}  // namespace

class TestPathPatching : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void models_data() {
        QTest::addColumn<QString>("model");
        for (const std::string& name : golden::models()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void equals_the_reference_data() {
        QTest::addColumn<QString>("model");
        for (const char* name : {"gpt2", "llama"}) QTest::newRow(name) << name;
    }
    void equals_the_reference() {
        QFETCH(QString, model);
        Json pairs = pairs_of(read_json(golden::folder("") / "patching.json").at(model.toStdString()).at("two"));
        ModelOptions options;
        options.model = golden::folder(model.toStdString()).string();
        options.dtype = "float64";
        options.device = "cpu";
        options.threads = 1;
        auto session = Session::open(options);
        RunProgress progress;
        for (const Json& map : read_json(golden::folder("") / "path_patching.json").at(model.toStdString())) {
            Json params{
                {"prompts", pairs}, {"receivers", map["receivers"]}, {"direct", !map["through_mlps"].get<bool>()}, {"base", map["base"]}};
            Grid grid =
                std::get<Grid>(run_analysis(*session, {"path-patching", params, {}, 0, {}, {}}, progress).result.find("effect")->view);
            std::vector<double> expected;
            for (const Json& row : map["effect"])
                for (const Json& x : row) expected.push_back(x);
            QVERIFY2(worst(grid.values, expected) < 1e-9, params["receivers"].dump().c_str());
            QVERIFY(grid.mask.empty());
        }
    }

    void direct_is_the_exact_effect_of_an_edge_data() { models_data(); }
    void direct_is_the_exact_effect_of_an_edge() {
        QFETCH(QString, model);
        Transformer toy = golden::load(model.toStdString(), at::kDouble);
        PathSweep sweep = sweep_of(toy);
        sweep.through_mlps = false;
        for (const PathNode& node : all_senders(toy.config)) sweep.senders.push_back({node});
        int edges = 0;
        for (const PathNode& receiver : all_receivers(toy.config)) {
            sweep.receivers = {receiver};
            PatchOutcome outcome = run(toy, sweep);
            for (std::size_t s = 0; s < sweep.senders.size(); ++s)
                for (std::size_t i = 0; i < sweep.pairs.size(); ++i) {
                    const PathNode& sender = sweep.senders[s][0];
                    if (!reaches(toy.config, sender, receiver)) {
                        QCOMPARE(outcome.values[s][i], outcome.base[i]);
                        continue;
                    }
                    const PatchPair& pair = sweep.pairs[i];
                    Adder adder(stream_of(receiver), receiver.head, written(toy, sender, pair.source) - written(toy, sender, pair.base));
                    double exact = measure(sweep.metric, last_logits(toy, ids_tensor({pair.base}), &adder), {&pair.question})[0];
                    QVERIFY2(std::abs(outcome.values[s][i] - exact) < 1e-9, hook_name(receiver.ref).c_str());
                    ++edges;
                }
        }
        QVERIFY(edges > 20);
    }

    void all_senders_into_all_receivers_are_the_source_run_data() { models_data(); }
    void all_senders_into_all_receivers_are_the_source_run() {
        QFETCH(QString, model);
        Transformer toy = golden::load(model.toStdString(), at::kDouble);
        for (const char* metric : {"logit_diff", "prob", "logprob", "kl"}) {
            PathSweep sweep = sweep_of(toy);
            sweep.metric = parse_metric(metric);
            sweep.senders = {all_senders(toy.config), {}};
            sweep.receivers = all_receivers(toy.config);
            for (bool through : {false, true}) {
                sweep.through_mlps = through;
                PatchOutcome outcome = run(toy, sweep);
                QVERIFY(worst(outcome.base, outcome.source) > 1e-6);
                QVERIFY2(worst(outcome.values[0], outcome.source) < 1e-9, metric);
                QCOMPARE(outcome.values[1], outcome.base);  // nobody sends
            }
        }
    }

    void through_mlps_adds_the_paths_by_mlps() {
        Transformer toy = golden::load("gpt2", at::kDouble);
        PathSweep sweep = sweep_of(toy);
        sweep.senders = {{{{Site::z, 0}, 1}}, {{{Site::z, 2}, 1}}, {{{Site::mlp_out, 2}, -1}}};
        sweep.receivers = {{{Site::resid_post, 2}, -1}};
        PatchOutcome through = run(toy, sweep);
        sweep.through_mlps = false;
        PatchOutcome direct = run(toy, sweep);
        QVERIFY(worst(through.values[0], direct.values[0]) > 1e-3);
        QVERIFY(worst(through.values[1], direct.values[1]) > 1e-3);  // by the MLP of its own layer
        QVERIFY(worst(through.values[2], direct.values[2]) < 1e-12);
    }

    void the_batch_plan_changes_no_number() {
        Transformer toy = golden::load("llama", at::kDouble);
        PathSweep sweep = sweep_of(toy);
        for (const PathNode& node : all_senders(toy.config)) sweep.senders.push_back({node});
        sweep.receivers = {{{Site::q, 2}, 3}, {{Site::k, 1}, 1}, {{Site::mlp_in, 1}, -1}};
        PatchOutcome whole = run(toy, sweep);
        sweep.batch_tokens = 1;
        PatchOutcome one = run(toy, sweep);
        for (std::size_t s = 0; s < sweep.senders.size(); ++s) QVERIFY(worst(whole.values[s], one.values[s]) < 1e-10);
        // Interventions that always hold are part of both runs.
        Edits always({{"zero", EditKind::zero, {Site::z, 1}, {0, 2}}}, toy);
        sweep.always = &always;
        sweep.senders = {all_senders(toy.config)};
        sweep.receivers = all_receivers(toy.config);
        PatchOutcome edited = run(toy, sweep);
        QVERIFY(worst(edited.source, whole.source) > 1e-3);
        QVERIFY(worst(edited.values[0], edited.source) < 1e-9);
    }

    void stops_between_senders() {
        Transformer toy = golden::load("gpt2", at::kDouble);
        PathSweep sweep = sweep_of(toy);
        sweep.batch_tokens = 1;
        sweep.receivers = {{{Site::resid_post, 2}, -1}};
        for (const PathNode& node : all_senders(toy.config)) sweep.senders.push_back({node});
        std::stop_source stop;
        Progress progress(stop.get_token());
        PatchOutcome outcome = path_patch(toy, sweep, progress, [&](const PatchOutcome&, std::size_t, std::size_t last) {
            if (last == 3) stop.request_stop();
        });
        QVERIFY(!outcome.values[2].empty());
        QVERIFY(outcome.values[3].empty());
    }

    void names_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("sends");
        QTest::addColumn<int>("count");  // -1: refused
        QTest::newRow("heads") << "heads" << true << 12;
        QTest::newRow("all") << "all" << true << 15;
        QTest::newRow("list") << "L0.H1, L2.mlp,embed,L0.H1+L0.H2" << true << 4;
        QTest::newRow("no layer") << "L3.H0" << true << -1;
        QTest::newRow("no head") << "L0.H4" << true << -1;
        QTest::newRow("a receiver") << "L0.H1.q" << true << -1;
        QTest::newRow("empty part") << "L0.H1,,L0.H2" << true << -1;
        QTest::newRow("empty set") << "+" << true << -1;
        QTest::newRow("nothing") << "" << true << -1;
        QTest::newRow("huge") << "L99999999999999999999.H0" << true << -1;
        QTest::newRow("logits") << "logits" << false << 1;
        QTest::newRow("inputs") << "L1.H3.q,L1.H1.k,L1.mlp,L1.H3.q" << false << 3;
        QTest::newRow("whole head") << "L1.H3" << false << 3;
        QTest::newRow("kv head") << "L1.H2.k" << false << -1;
        QTest::newRow("letter") << "L1.H1.z" << false << -1;
        QTest::newRow("too deep") << "L1.H1.q.q" << false << -1;
        QTest::newRow("nowhere") << "" << false << -1;
    }
    void names() {
        QFETCH(QString, text);
        QFETCH(bool, sends);
        QFETCH(int, count);
        const ModelConfig config = golden::load("llama", at::kDouble).config;  // 3 layers, 4 heads, 2 key/value heads
        int found = -1;
        try {
            found = static_cast<int>(sends ? parse_senders(text.toStdString(), config, "senders").size()
                                           : parse_receivers(text.toStdString(), config, "receivers").size());
        } catch (const Error& error) {
            QVERIFY(QString(error.what()).contains("L0 to L2"));
        }
        QCOMPARE(found, count);
    }
};

QTEST_GUILESS_MAIN(TestPathPatching)
#include "test_path_patching.moc"
