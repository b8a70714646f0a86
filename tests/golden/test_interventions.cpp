// Every type of intervention against the same thing computed by hand from the activations of unchanged runs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "analyses/runner.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "golden.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"

using namespace microtome;
using Ids = std::vector<std::vector<std::int64_t>>;

namespace {

class Fixture {
  public:
    explicit Fixture(const std::string& model) : ids(golden::batch(model)) {
        ModelOptions options;
        options.model = golden::folder(model).string();
        options.dtype = "float64";
        options.device = "cpu";
        options.threads = 1;
        session = Session::open(options);
        for (const auto& row : ids) {
            Prompt prompt;
            prompt.ids = row;
            prompts.push_back(prompt);
            tokens.push_back({row, {}});
        }
        recording = record({});
    }

    Recorder record(const std::vector<std::string>& interventions) {
        std::vector<Intervention> list;
        for (const std::string& text : interventions)
            list.push_back(intervention_from_text(text, "i" + std::to_string(list.size()), "test"));
        session->set_interventions(list, named_prompts(prompts));
        Edits edits = edits_for(*session, tokens);
        edits.enter({ids_tensor(ids), {0, 1}});
        Recorder recorder(all_sites(model().config));
        Chain chain({edits.empty() ? nullptr : &edits, &recorder});
        Tap tap(chain);
        model().logits(model().residual(ids_tensor(ids), tap), tap);
        edits.check_fired();
        return recorder;
    }

    const Transformer& model() const { return session->impl().model; }
    Tensor before(SiteRef ref) const { return recording.at(ref).clone(); }
    /// "" or how far the site is from `expected`.
    QString off(const std::vector<std::string>& interventions, SiteRef ref, const Tensor& expected) {
        return QString::fromStdString(golden::difference(record(interventions).at(ref), expected, 1e-12));
    }

    std::unique_ptr<Session> session;
    Ids ids;
    std::vector<Prompt> prompts;
    std::vector<PromptTokens> tokens;
    Recorder recording{{}};
};

constexpr SiteRef z{Site::z, 1}, mlp_out{Site::mlp_out, 1}, resid{Site::resid_post, 1}, pattern{Site::pattern, 1},
    neurons{Site::mlp_post, 1};

}  // namespace

class TestInterventions : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    void on_models() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"gpt2", "llama", "tl-mlp"}) QTest::newRow(model) << model;
    }

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void zero_and_scale_data() { on_models(); }
    void zero_and_scale();
    void noise_data() { on_models(); }
    void noise();
    void means_data() { on_models(); }
    void means();
    void other_runs_data() { on_models(); }
    void other_runs();
    void freeze_data() { on_models(); }
    void freeze();
    void directions_data() { on_models(); }
    void directions();
    void positions_of_each_prompt_data() { on_models(); }
    void positions_of_each_prompt();
    void sweeps();
    void mistakes_data();
    void mistakes();
};

void TestInterventions::zero_and_scale() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Tensor x = f.before(z);
    x.select(1, 6).select(1, 1).zero_();
    QCOMPARE(f.off({"zero L1.H1.z @-1"}, z, x), QString());
    x = f.before(resid);
    x.select(1, 1).mul_(0.5);
    x.select(1, 3).mul_(0.5);
    QCOMPARE(f.off({R"({"type": "scale", "target": "L1.resid_post", "strength": 0.5, "positions": "1,3"})"}, resid, x), QString());
    x = f.before(neurons);
    x.select(2, 3).zero_();
    QCOMPARE(f.off({"zero L1.mlp.n3"}, neurons, x), QString());
    for (int layer : {0, 1}) {
        Recorder changed = f.record({"zero blocks.*.attn.hook_z heads=0"});
        QVERIFY(changed.at({Site::z, layer}).select(2, 0).eq(0).all().item<bool>());
        QVERIFY(changed.at({Site::z, layer}).select(2, 1).abs().sum().item<double>() > 0);
    }
    Tensor scores = f.record({"zero L1.attn_scores"}).at({Site::pattern, 1});  // what is masked stays so
    QVERIFY(scores.select(2, 2).narrow(-1, 3, 4).eq(0).all().item<bool>());
    QVERIFY((scores.select(2, 2).narrow(-1, 0, 3) - 1.0 / 3).abs().max().item<double>() < 1e-12);
}

void TestInterventions::noise() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Tensor x = f.before(resid), changed = f.record({"noise L1.resid_post strength=2 seed=5 @1-6"}).at(resid);
    Tensor unit = (changed - x) / x.std(at::IntArrayRef{2}, false, true) / 2;
    QVERIFY(unit.select(1, 0).eq(0).all().item<bool>());
    QVERIFY((unit[0] - unit[1]).abs().max().item<double>() < 1e-12);  // the same in every row
    Tensor drawn = unit[0].narrow(0, 1, 6);
    QVERIFY(std::abs(drawn.std().item<double>() - 1) < 0.3 && std::abs(drawn.mean().item<double>()) < 0.3);
    QVERIFY(f.record({"noise L1.resid_post strength=2 seed=5 @1-6"}).at(resid).equal(changed));
    QVERIFY(!f.record({"noise L1.resid_post strength=2 seed=6 @1-6"}).at(resid).equal(changed));
    Tensor attention = f.record({"noise L1.pattern seed=1"}).at(pattern);
    QVERIFY(attention.triu(1).eq(0).all().item<bool>());  // nothing of what comes later
    QVERIFY((attention - f.before(pattern)).abs().select(2, 6).min().item<double>() > 0);
}

void TestInterventions::means() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Tensor x = f.before(mlp_out);
    QCOMPARE(f.off({"mean L1.mlp_out"}, mlp_out, x.mean(at::IntArrayRef({0, 1}), true).expand_as(x)), QString());
    QCOMPARE(f.off({"mean L1.mlp_out source=position:1,2"}, mlp_out, x.mean(0, true).expand_as(x)), QString());
    QCOMPARE(f.off({"mean L1.mlp_out source=2"}, mlp_out, x[1].mean(0).expand_as(x)), QString());
    std::string file = folder_.filePath("refs.jsonl").toStdString();
    write_file(file, Json({{"ids", f.ids[0]}}).dump() + "\n" +
                         Json({{"ids", std::vector<std::int64_t>(f.ids[1].begin(), f.ids[1].begin() + 4)}}).dump() + "\n");
    Tensor known = at::cat({x[0], x[1].narrow(0, 0, 4)}).mean(0);
    Tensor expected = x.clone();
    expected.select(1, 2).copy_(known.expand({2, -1}));
    QCOMPARE(f.off({"mean L1.mlp_out source=" + file + " @2"}, mlp_out, expected), QString());
    Tensor each = x[0].clone();
    each.narrow(0, 0, 4).add_(x[1].narrow(0, 0, 4)).div_(2);
    QCOMPARE(f.off({"mean L1.mlp_out source=position:" + file}, mlp_out, each.expand_as(x)), QString());
}

void TestInterventions::other_runs() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Tensor x = f.before(z), other = x.flip(0), expected = x.clone();
    QCOMPARE(f.off({"resample L1.z seed=3"}, z, other), QString());
    QCOMPARE(f.off({"swap L1.z source=1|2"}, z, other), QString());
    expected[0].narrow(0, 2, 3).select(1, 0).copy_(x[1].narrow(0, 2, 3).select(1, 0));
    QCOMPARE(f.off({"patch L1.H0.z source=2 @2-4"}, z, expected), QString());
    QCOMPARE(f.off({"patch L1.pattern source=1"}, pattern, f.before(pattern)[0].expand_as(f.before(pattern))), QString());
    SiteRef logits{Site::unembed_out, -1};  // all of the stream changes hands: each prompt gets the other's answer
    std::string last = "L" + std::to_string(f.model().config.n_layers - 1) + ".resid_post";
    QCOMPARE(f.off({"swap " + last + " source=2|1"}, logits, f.before(logits).flip(0)), QString());
}

void TestInterventions::freeze() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Recorder changed = f.record({"scale L0.resid_post strength=3", "freeze L1.attn_out", "freeze L1.mlp_out @2"});
    QVERIFY(golden::difference(changed.at({Site::attn_out, 1}), f.before({Site::attn_out, 1}), 1e-12).empty());
    Tensor off = (changed.at(mlp_out) - f.before(mlp_out)).abs().amax({0, 2});
    QVERIFY(off[2].item<double>() < 1e-12 && off[1].item<double>() > 1e-9 && off[3].item<double>() > 1e-9);
}

void TestInterventions::directions() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    Tensor x = f.before(resid), last = x.select(1, 6), v = last[0] - last[1];
    QCOMPARE(f.off({"add L1.resid_post source=1-2 strength=-1.5"}, resid, x - 1.5 * v), QString());
    QCOMPARE(
        f.off({"add L1.resid_post source=2@1 @3"}, resid, at::cat({x.narrow(1, 0, 3), x.narrow(1, 3, 1) + x[1][1], x.narrow(1, 4, 3)}, 1)),
        QString());
    std::string file = folder_.filePath("v.json").toStdString();
    std::vector<double> numbers(v.const_data_ptr<double>(), v.const_data_ptr<double>() + v.numel());
    write_json(file, {{"direction", numbers}});
    QCOMPARE(f.off({"add L1.resid_post source=" + file + "#direction"}, resid, x + v), QString());
    std::string tensors = folder_.filePath("v.safetensors").toStdString();
    write_safetensors(tensors, {{"v", StoredType::F64, {v.numel()}, std::as_bytes(std::span(numbers))}});
    Tensor projected = f.record({"project_out L1.resid_post source=" + tensors}).at(resid);
    QVERIFY(at::matmul(projected, v).abs().max().item<double>() < 1e-10);
    QVERIFY(golden::difference(projected + (x.matmul(v) / v.dot(v)).unsqueeze(-1) * v, x, 1e-12).empty());
    // Per head: the direction of one head alone changes that head.
    Tensor heads = f.before(z), u = heads[0][6][1], expected = heads.clone(), head = expected.select(2, 1);
    head.sub_((head.matmul(u) / u.dot(u)).unsqueeze(-1) * u);
    std::string one = folder_.filePath("u.json").toStdString();
    write_json(one, std::vector<double>(u.contiguous().const_data_ptr<double>(), u.contiguous().const_data_ptr<double>() + u.numel()));
    QCOMPARE(f.off({"project_out L1.H1.z source=" + one}, z, expected), QString());
    // Exchange: coordinates along the two change places, the rest stays.
    Tensor a = last[0], b = last[1], basis = at::stack({a, b}, 1);
    Edits edits({{.name = "x", .kind = EditKind::exchange, .ref = resid, .value = a, .other = b}}, f.model());
    Recorder after({resid});
    Chain chain({&edits, &after});
    f.model().residual(ids_tensor(f.ids), Tap(chain));
    Tensor coordinates = at::matmul(x, at::linalg_pinv(basis).t()), rest = x - at::matmul(coordinates, basis.t());
    QVERIFY(golden::difference(after.at(resid), rest + at::matmul(coordinates.flip(-1), basis.t()), 1e-10).empty());
}

void TestInterventions::positions_of_each_prompt() {
    QFETCH(QString, model);
    Fixture f(model.toStdString());
    f.tokens[0].spans = f.prompts[0].spans = {{"S", Span(2)}, {"T", Span(std::pair(4, 5))}};
    f.tokens[1].spans = f.prompts[1].spans = {{"S", Span(5)}, {"T", Span(std::pair(0, 1))}};
    Tensor x = f.before(z), expected = x.clone();
    expected[0][2].zero_();
    expected[1][5].zero_();
    QCOMPARE(f.off({"zero L1.z @role:S"}, z, expected), QString());
    expected = x.clone();
    expected[0].narrow(0, 4, 2).copy_(x[1].narrow(0, 0, 2));
    expected[1].narrow(0, 0, 2).copy_(x[0].narrow(0, 4, 2));
    QCOMPARE(f.off({"resample L1.z @role:T"}, z, expected), QString());
    QCOMPARE(f.off({"swap L1.z source=1|2 @role:T"}, z, expected), QString());
}

// Interventions hold in both runs and in every cell of a sweep.
void TestInterventions::sweeps() {
    Fixture f("gpt2");
    Json pair{{"clean_ids", f.ids[0]}, {"corrupt_ids", f.ids[1]}, {"answer_id", 3}, {"foil_id", 5}, {"spans", {{"S", 2}}}};
    auto effect = [&](const std::vector<std::string>& texts, const std::string& preset, Json& summary) {
        RunRequest request{
            "activation-patching", {{"prompts", Json::array({pair, pair})}, {"preset", preset}, {"metric", "logit_diff"}}, {}, 0, {}, {}};
        request.params["prompts"][1]["spans"]["S"] = 4;
        for (const auto& text : texts) request.interventions.push_back(intervention_from_text(text, "i", "test"));
        RunProgress progress;
        RunRecord record = run_analysis(*f.session, request, progress);
        for (const auto& [name, value] : record.result.summary) summary[name] = value;
        return std::get<Grid>(record.result.find("effect")->view);
    };
    Json plain, frozen, changed;
    // With the last layer's input held at the base run's value, a patch before it changes nothing.
    Grid held = effect({"freeze L2.resid_pre"}, "resid_mid", frozen), free = effect({}, "resid_mid", plain);
    for (std::size_t i = 0; i < held.size() * 2 / 3; ++i) QVERIFY(std::abs(held.values[i] - frozen["corrupt"].get<double>()) < 1e-12);
    QVERIFY(std::abs(plain["corrupt"].get<double>() - frozen["corrupt"].get<double>()) < 1e-12);
    QVERIFY(std::abs(free.values[0] - plain["corrupt"].get<double>()) > 1e-9);
    for (const char* text :
         {"zero L0.mlp_out", "scale L0.mlp_out strength=2", "noise L0.mlp_out", "mean L0.mlp_out", "patch L0.mlp_out source=1:corrupt",
          "patch L0.mlp_out", "add L0.mlp_out source=1-2:corrupt", "project_out L0.mlp_out source=1", "zero L0.mlp_out @role:S"}) {
        effect({text}, "attn_head_out_all_pos", changed);
        f.session->set_interventions({intervention_from_text(text, "i", "test")},
                                     {pair_from_json(pair, "t", ""), pair_from_json(pair, "t", "")});
        std::map<std::string, Span> first{{"S", Span(2)}}, second{{"S", Span(4)}};
        Edits edits = edits_for(*f.session, {{f.ids[0], first}, {f.ids[0], second}});
        for (bool clean : {true, false}) {
            Ids rows{f.ids[clean ? 0 : 1], f.ids[clean ? 0 : 1]};
            edits.enter({ids_tensor(rows), {0, 1}});
            Tensor logits = last_logits(f.model(), ids_tensor(rows), &edits);
            double expected = (logits.select(1, 3) - logits.select(1, 5)).mean().item<double>();
            QVERIFY2(std::abs(expected - changed[clean ? "clean" : "corrupt"].get<double>()) < 1e-12, text);
        }
        double moved = 0;  // a patch with a run's own values leaves that run alone
        for (const char* side : {"clean", "corrupt"}) moved += std::abs(changed[side].get<double>() - plain[side].get<double>());
        QVERIFY2(moved > 1e-9, text);
    }
}

void TestInterventions::mistakes_data() {
    QTest::addColumn<QString>("message");
    auto row = [](const char* text, const char* message) { QTest::newRow(text) << message; };
    row("edit_weight blocks.0.mlp.W_out", "type that runs here");
    row("clamp_feature L0.resid_post", "type that runs here");
    row("zero L7.z", "blocks.7");
    row("zero L1.H9.z", "heads from 0");
    row("zero L1.z @9", "within 7 tokens");
    row("zero L1.z @role:S", "role:S");
    row("zero", "TYPE TARGET");
    row("zero L1.z strenght=2", "strenght");
    row("scale L1.z strength=two", "a number");
    row("add L1.z source=1-9", "prompts: 1, 2");
    row("add L1.z source=nowhere.json", "nowhere.json");
    row("add L1.pattern source=1", "vector at each position");
    row("add L1.resid_post source='word'", "no tokenizer");
    row("swap L1.z source=1", "two prompts");
    row("patch L1.z", "a prompt with a corrupted one");
    row("resample L1.z source=1", "another prompt");
    row("project_out L1.resid_post source=1-1", "zeros");
}

void TestInterventions::mistakes() {
    QFETCH(QString, message);
    Fixture f("gpt2");
    QString said;
    try {
        f.record({QTest::currentDataTag()});
    } catch (const Error& error) {
        said = error.what();
    }
    QVERIFY2(said.contains(message) && !said.contains('\n'), qPrintable(said));
}

QTEST_GUILESS_MAIN(TestInterventions)
#include "test_interventions.moc"
