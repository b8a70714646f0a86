// What is read off attention patterns: closed forms, the nulls, and the heads of trained models.
#include <ATen/ATen.h>

#include <QtTest>

#include "analyses/head_evidence.h"
#include "analyses/patterns.h"
#include "analyses/runner.h"
#include "core/worlds/rng.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

std::unique_ptr<Session> open(const std::string& model, const char* dtype = "float32") {
    ModelOptions options;
    options.model = model;
    options.dtype = dtype;
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

Result run(Session& session, const char* analysis, Json params) {
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

const Table& table(const Result& result, const char* name) {
    return std::get<Table>(result.find(name)->view);
}

std::size_t column(const Table& table, const std::string& name) {
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        if (table.columns[i].name == name) return i;
    throw std::runtime_error("no column " + name);
}

// (1, n, n): every query attends to all that it can, alike.
Tensor uniform(std::int64_t n) {
    return (at::tril(at::ones({n, n}, at::kDouble)) / at::arange(1, n + 1, at::kDouble).unsqueeze(1)).unsqueeze(0);
}

// Two layers without norms or MLPs that copy a name, by hand. Tokens: 1, 2 given names; 3, 4 repeated names; 7 the end. Stream: a dimension
// a token, and one (8) that tells the last token where to look.
Transformer copying_toy() {
    ModelConfig c;
    c.architecture = "transformer_lens";
    c.n_layers = c.n_heads = c.n_kv_heads = 2;
    c.d_model = 64;
    c.d_head = 12;
    c.d_vocab = 60;
    c.n_ctx = 16;
    c.norm = Norm::none;
    c.mlp = MlpKind::none;
    c.final_norm = false;
    Transformer toy = make_transformer(c, at::kDouble);
    toy.W_E.copy_(at::eye(60, 64, at::kDouble));
    toy.unembed.weight.copy_(at::eye(64, 60, at::kDouble));
    auto set = [](Tensor& weight, int head, std::int64_t in, std::int64_t inner, double x) { weight[in][12 * head + inner] = x; };
    Attention &first = toy.blocks[0].attn, &second = toy.blocks[1].attn;
    for (int name : {3, 4}) {
        set(first.q.weight, 0, name, name, 100);  // L0.H0: a repeated name finds itself
        set(first.k.weight, 0, name, name, 1);
        set(first.k.weight, 1, name, 0, 1);  // L0.H1: the end finds the repeated name, and notes that there was one
        set(first.v.weight, 1, name, 0, 1);
    }
    set(first.q.weight, 1, 7, 0, 100);
    first.o.weight[12][62] = 1;
    for (int head : {0, 1}) {  // L1: with that note the end finds the given name; H0 copies it, H1 takes a part away again
        set(second.q.weight, head, 62, 0, 100);
        for (int name : {1, 2}) set(second.k.weight, head, name, 0, 1);
        for (int i = 0; i < 8; ++i) {
            set(second.v.weight, head, i, i, 1);
            second.o.weight[12 * head + i][i] = head == 0 ? 3 : -1;
        }
    }
    return toy;
}

Json role_pair(int io, int s, int other) {
    return {{"clean_ids", {0, io, s, 5, s, 6, 7}},
            {"corrupt_ids", {0, io, other, 5, other, 6, 7}},
            {"answer_id", io},
            {"foil_id", s},
            {"spans", {{"IO", 1}, {"S1", 2}, {"S2", 4}, {"END", -1}}}};
}

}  // namespace

class TestHeads : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void spread_has_known_ends() {
        AttentionSpread wide = attention_spread(uniform(5)), narrow = attention_spread(at::eye(5, at::kDouble).unsqueeze(0));
        double expected = (std::log(2) + std::log(3) + std::log(4) + std::log(5)) / 4;
        QVERIFY(std::abs(wide.entropy.item<double>() - expected) < 1e-12);
        QVERIFY(std::abs(wide.share.item<double>() - 1) < 1e-12);
        QCOMPARE(narrow.entropy.item<double>(), 0.0);
        QVERIFY(std::isnan(attention_spread(uniform(1)).share.item<double>()));
    }

    void detectors_of_position_mark_their_cells() {
        std::vector<std::int64_t> ids{4, 4, 7};
        QVERIFY(detector_matrix(Detector::first_token, ids).equal(at::tensor({0., 0., 0., 1., 0., 0., 1., 0., 0.}).view({3, 3})));
        QVERIFY(detector_matrix(Detector::self, ids).equal(at::tensor({0., 0., 0., 0., 1., 0., 0., 0., 1.}).view({3, 3})));
    }

    void random_marks_keep_their_number_and_stay_before_the_query() {
        Tensor marks = detector_matrix(Detector::duplicate_token, {1, 2, 1, 1, 2, 1, 3});
        Rng rng(5);
        Tensor seen = at::zeros_like(marks);
        for (int i = 0; i < 300; ++i) {
            Tensor drawn = random_marks(marks, 1, rng);
            QVERIFY(drawn.sum(1).equal(marks.sum(1)));
            QVERIFY(drawn.triu(1).sum().item<double>() == 0);
            QVERIFY(drawn.select(1, 0).sum().item<double>() == 0);
            seen += drawn;
        }
        // The last query with marks has 3 on 5 allowed sources: each is drawn alike.
        QVERIFY((seen[5].narrow(0, 1, 5) / 300 - 0.6).abs().max().item<double>() < 0.15);
    }

    void uniform_attention_is_its_own_null() {
        // Where attention is the same everywhere, a detector finds no more than random tokens hold.
        Tensor pattern = uniform(12), marks = detector_matrix(Detector::induction, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
        Rng rng(1);
        QCOMPARE(detector_score(pattern, random_marks(marks, 0, rng), false).item<double>(),
                 detector_score(pattern, marks, false).item<double>());
    }

    void a_circuit_made_by_hand_is_told_apart() {
        QTemporaryDir folder;
        save_model(folder.path().toStdString(), copying_toy(), {});
        auto session = open(folder.path().toStdString(), "float64");
        Json pairs = Json::array();
        for (int i = 0; i < 24; ++i) pairs.push_back(role_pair(1 + i % 2, 3 + i / 2 % 2, 5 + i / 4 % 2));
        Result result = run(*session, "head-classes", {{"prompts", pairs}});
        const Table& heads = table(result, "heads");
        std::map<std::string, std::string> classes;
        for (const auto& row : heads.rows)
            classes["L" + std::to_string(std::get<std::int64_t>(row[0])) + ".H" + std::to_string(std::get<std::int64_t>(row[1]))] =
                std::get<std::string>(row[2]);
        QCOMPARE(classes.at("L0.H0"), std::string("duplicate token"));
        QCOMPARE(classes.at("L0.H1"), std::string("S-inhibition"));
        QCOMPARE(classes.at("L1.H0"), std::string("name mover"));
        QCOMPARE(classes.at("L1.H1"), std::string("negative name mover"));
        // The name mover looks at the given name alone (e^29 : 1) and writes 3 of it.
        const Grid& direct = std::get<Grid>(result.find("direct")->view);
        QVERIFY(std::abs(direct.values[2] - 3) < 1e-6);
        QVERIFY(std::abs(direct.values[3] + 1) < 1e-6);
        QVERIFY(std::abs(result.summary.at(1).second - 2) < 1e-6);  // the logit difference: nothing else writes to these dimensions
        // Without the note its query is 0: attention to 7 tokens alike, a logit difference of 3/7 (1 name) − 3/7 (2 of the other's place).
        const Grid& inhibition = std::get<Grid>(result.find("inhibition")->view);
        QVERIFY(inhibition.values[1] < -1);
        QCOMPARE(inhibition.values[0], 0.0);
        const Grid& attention = std::get<Grid>(result.find("attention")->view);  // (look, layer, head)
        double expected[] = {1, 0, 0, 0};                                        // of L1.H0: END to IO, S1, S2, after S2
        for (std::size_t look = 0; look < 4; ++look) QVERIFY(std::abs(attention.values[look * 4 + 2] - expected[look]) < 1e-6);
        QVERIFY(std::abs(attention.values[2 * 4 + 1] - 0.5) < 1e-6);  // L0.H1: END to S1 and S2 alike
        // Where a head looks is not enough.
        Result strict = run(*session, "head-classes", {{"prompts", pairs}, {"effect", 1.0}, {"attention", 0.3}});
        for (const auto& row : table(strict, "heads").rows) QVERIFY(std::get<std::string>(row[2]).find("negative") == std::string::npos);
    }

    void direct_effects_of_heads_add_up_to_attentions_part_data() {
        QTest::addColumn<QString>("model");
        for (const std::string& name : golden::models()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void direct_effects_of_heads_add_up_to_attentions_part() {
        QFETCH(QString, model);
        Transformer toy = golden::load(model.toStdString(), at::kDouble);
        RolePrompt p{{5, 9, 4, 7, 4, 2, 11}, 1, 2, 4, 6, 9, 4};
        Rng rng(0);
        HeadEvidence evidence = head_evidence(toy, {p}, nullptr, 2, rng, Progress());
        // The logits' change when all that the heads write is taken out and the final norm's scale is kept: linear in the stream.
        std::vector<SiteRef> sites;
        for (int l = 0; l < toy.config.n_layers; ++l) sites.push_back({Site::attn_out, l});
        sites.push_back({Site::resid_post, toy.config.n_layers - 1});
        Recorder recorder(sites);
        Tensor logits = toy.forward(ids_tensor({p.ids}), Tap(recorder));
        Tensor written = at::zeros({toy.config.d_model}, at::kDouble), end = recorder.at(sites.back())[0][6];
        for (int l = 0; l < toy.config.n_layers; ++l) {
            written = written + recorder.at(sites[static_cast<std::size_t>(l)])[0][6];
            const Tensor& bias = toy.blocks[static_cast<std::size_t>(l)].attn.o.bias;
            if (bias.defined()) written = written - bias;
        }
        NormLayer norm = toy.ln_final;
        Tensor with = norm(end), without = norm(end - written);
        if (norm.kind != Norm::none) {  // the same scale
            Tensor x = end - written;
            Tensor centre = norm.kind == Norm::layer ? end - end.mean() : end;
            Tensor scale = (centre.pow(2).mean() + norm.eps).sqrt();
            without = (norm.kind == Norm::layer ? x - x.mean() : x) / scale *
                      (norm.weight.defined() ? norm.weight + norm.offset : at::ones_like(x));
            if (norm.bias.defined()) without = without + norm.bias;
        }
        Tensor change = at::matmul(with - without, toy.unembed.weight);
        QVERIFY(std::abs(evidence.direct.sum().item<double>() - (change[9] - change[4]).item<double>()) < 1e-10);
        QVERIFY(std::abs(evidence.logit_diff - (logits[0][6][9] - logits[0][6][4]).item<double>()) < 1e-10);
        QVERIFY(evidence.copy_null >= 0 && evidence.copy_null <= 1);
    }

    void roles_that_are_missing_or_out_of_order_are_named() {
        auto session = open(golden::folder("gpt2").string());
        auto message = [&](Json pair) {
            try {
                run(*session, "head-classes", {{"prompts", Json::array({pair})}});
            } catch (const Error& error) {
                return QString(error.what());
            }
            return QString();
        };
        Json pair = role_pair(1, 3, 5);
        pair["spans"].erase("S2");
        QVERIFY(message(pair).contains("no S2"));
        pair["spans"]["S2"] = 1;
        QVERIFY(message(pair).contains("S1 before S2"));
        pair["spans"]["S2"] = {4, 5};
        QVERIFY(message(pair).contains("one token"));
    }

    void the_trained_two_layer_model_has_the_textbook_heads() {
        auto session = open("induction-2l");
        Result result = run(*session, "head-scores", {{"n_sequences", 5}});
        const Table& scores = table(result, "scores");
        int induction = 0, previous = 0;
        for (const auto& row : scores.rows) {
            std::string classes = std::get<std::string>(row[column(scores, "class")]);
            auto layer = std::get<std::int64_t>(row[0]);
            induction += layer == 1 && classes.find("induction") != std::string::npos;
            previous += layer == 0 && classes.find("previous_token") != std::string::npos;
            QVERIFY(layer == 1 || classes.find("induction") == std::string::npos);  // what follows an earlier token takes two layers
            double null = std::get<double>(row[column(scores, "induction_null")]);
            QVERIFY(null > 0 && null < 0.1);
            QVERIFY(std::get<double>(row[column(scores, "induction_null_sd")]) > 0);
        }
        QVERIFY(induction >= 1);
        QVERIFY(previous >= 1);
        Result again = run(*session, "head-scores", {{"n_sequences", 5}}),
               other = run(*session, "head-scores", {{"n_sequences", 5}, {"seed", 1}});
        QVERIFY(table(again, "scores").rows == scores.rows);
        QVERIFY(table(other, "scores").rows != scores.rows);
        Result strict = run(*session, "head-scores", {{"n_sequences", 5}, {"threshold", 1.0}});
        for (const auto& row : table(strict, "scores").rows) QCOMPARE(std::get<std::string>(row[column(scores, "class")]), std::string());
    }
};

QTEST_GUILESS_MAIN(TestHeads)
#include "test_heads.moc"
