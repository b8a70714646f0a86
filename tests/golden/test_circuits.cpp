// Circuits of heads from their weights: factored matrices against whole ones, and the analyses against numbers made from whole matrices
// (make_circuits.py; TransformerLens agrees).
#include <ATen/ATen.h>

#include <QtTest>

#include "analyses/head_weights.h"
#include "analyses/runner.h"
#include "core/base/json.h"
#include "core/models/processing.h"
#include "golden.h"

using namespace microtome;

namespace {

at::TensorOptions f64() {
    return at::TensorOptions().dtype(at::kDouble);
}

double gap(const Tensor& a, const Tensor& b) {
    return (a - b).abs().max().item<double>();
}

std::unique_ptr<Session> open(const std::string& model, const char* processing = "raw") {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64";
    options.device = "cpu";
    options.threads = 1;
    options.processing = processing;
    return Session::open(options);
}

Result run(Session& session, const char* analysis, Json params) {
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress).result;
}

template <class T>
const T& view(const Result& result, const char* name) {
    return std::get<T>(result.find(name)->view);
}

double number(const Cell& cell) {
    return std::get<double>(cell);
}

bool near(double a, double b, double tolerance = 1e-9) {
    return std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

}  // namespace

class TestCircuits : public QObject {
    Q_OBJECT
    Json reference_ = read_json(golden::folder("") / "circuits.json");

  private Q_SLOTS:
    void factored_matrices_are_their_products_data() {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("inner");
        QTest::addColumn<int>("columns");
        QTest::newRow("thin") << 12 << 3 << 12;
        QTest::newRow("one") << 7 << 1 << 7;
        QTest::newRow("wider inside than outside") << 4 << 6 << 4;
        QTest::newRow("oblong") << 9 << 4 << 6;
    }
    void factored_matrices_are_their_products() {
        QFETCH(int, rows);
        QFETCH(int, inner);
        QFETCH(int, columns);
        at::manual_seed(3);
        FactoredMatrix m{at::randn({rows, inner}, f64()), at::randn({inner, columns}, f64())};
        Tensor whole = at::matmul(m.A, m.B);
        QVERIFY(near(m.norm(), whole.norm().item<double>()));
        auto [U, S, V] = m.svd();
        QVERIFY(gap(at::matmul(U * S, V.t()), whole) < 1e-12);
        Tensor expected = at::linalg_svdvals(whole);
        std::int64_t n = std::min(S.numel(), expected.numel());
        QVERIFY(gap(S.narrow(0, 0, n), expected.narrow(0, 0, n)) < 1e-12);
        if (rows >= inner) QVERIFY(gap(at::matmul(U.t(), U), at::eye(U.size(1), f64())) < 1e-12);
        Tensor R = at::randn({columns, 5}, f64()), T = at::randn({5, columns}, f64());
        FactoredMatrix later{R, T};
        double score = composition(ReducedMatrix(m), ReducedMatrix(later));
        Tensor right = at::matmul(R, T);
        QVERIFY(near(score, (at::matmul(whole, right).norm() / whole.norm() / right.norm()).item<double>()));
        if (rows != columns) return;
        QVERIFY(near(at::real(m.eigenvalues()).sum().item<double>(), whole.trace().item<double>()));
        QVERIFY(near(at::abs(m.eigenvalues()).max().item<double>(), at::abs(at::linalg_eigvals(whole)).max().item<double>()));
    }

    void eigenvalue_scores_have_known_ends() {
        Tensor Q = std::get<0>(at::linalg_qr(at::randn({6, 3}, f64())));
        QCOMPARE(positive_share(FactoredMatrix{Q, Q.t()}.eigenvalues()), 1.0);    // a projection copies
        QCOMPARE(positive_share(FactoredMatrix{Q, -Q.t()}.eigenvalues()), -1.0);  // and its negative suppresses
        QCOMPARE(positive_share(at::zeros({3}, f64())), 0.0);
        // A projection composes fully with itself, not at all with what is orthogonal: ‖P‖ / (‖P‖ ‖P‖) = 1/√3.
        ReducedMatrix same({Q, Q.t()});
        QVERIFY(near(composition(same, same), 1 / std::sqrt(3)));
        Tensor whole = std::get<0>(at::linalg_qr(at::randn({6, 6}, f64())));
        FactoredMatrix left{whole.narrow(1, 0, 2), whole.narrow(1, 0, 2).t()}, right{whole.narrow(1, 2, 2), whole.narrow(1, 2, 2).t()};
        QVERIFY(composition(ReducedMatrix(left), ReducedMatrix(right)) < 1e-12);
        QCOMPARE(composition(ReducedMatrix({Q * 0, Q.t()}), same), 0.0);
    }

    void models_data() {
        QTest::addColumn<QString>("model");
        for (const auto& [name, data] : reference_.items()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }

    void heads_have_the_weights_of_the_processed_model_data() { models_data(); }
    void heads_have_the_weights_of_the_processed_model() {
        QFETCH(QString, model);
        Transformer raw = golden::load(model.toStdString(), at::kDouble);
        Transformer folded = processed(raw, parse_processing("processed", raw.config));
        HeadWeights ours(raw), again(folded);
        const Attention& attn = folded.blocks[1].attn;
        std::int64_t d = attn.d_head, head = attn.n_heads - 1, shared = head / (attn.n_heads / attn.n_kv_heads);
        FactoredMatrix ov = ours.ov(1, static_cast<int>(head)), qk = ours.qk(1, static_cast<int>(head));
        QVERIFY(gap(ov.A, attn.v.weight.narrow(1, shared * d, d)) < 1e-12);
        QVERIFY(gap(ov.B, attn.o.weight.narrow(0, head * d, d)) < 1e-12);
        QVERIFY(gap(qk.A, attn.q.weight.narrow(1, head * d, d)) < 1e-12);
        QVERIFY(gap(qk.B.t(), attn.k.weight.narrow(1, shared * d, d)) < 1e-12);
        QVERIFY(gap(ours.unembedding(), folded.unembed.weight) < 1e-12);
        QVERIFY(gap(ours.embedding(false), folded.W_E) < 1e-12);
        QVERIFY(gap(again.ov(1, 0).A, ours.ov(1, 0).A) < 1e-12);  // folding what is folded changes nothing
        if (raw.config.mlp == MlpKind::none) QVERIFY(gap(ours.embedding(true), ours.embedding(false)) == 0);
    }

    void circuits_data() { models_data(); }
    void circuits() {
        QFETCH(QString, model);
        const Json& data = reference_.at(model.toStdString());
        for (const char* processing : {"raw", "processed"}) {
            auto session = open(model.toStdString(), processing);
            std::string token = session->token(data.at("token").get<std::int64_t>()).text;
            Result result = run(*session, "head-circuits", {{"top_k", 4}, {"directions", 1}});
            const Table& heads = view<Table>(result, "heads");
            const Grid& spectrum = view<Grid>(result, "spectrum");
            const Json& expected = data.at("heads");
            QCOMPARE(heads.rows.size(), expected.size());
            std::size_t d = spectrum.axes.at(2).size();
            for (std::size_t i = 0; i < expected.size(); ++i) {
                const char* names[] = {"ov_norm", "qk_norm", "copying", "matching"};
                for (std::size_t j = 0; j < 4; ++j) {
                    QCOMPARE(heads.columns.at(2 + j).name, names[j]);
                    double ours = number(heads.rows[i][2 + j]), theirs = expected[i].at(names[j]);
                    QVERIFY2(near(ours, theirs, 1e-8),
                             qPrintable(QString("head %1, %2: %3, %4").arg(i).arg(names[j]).arg(ours).arg(theirs)));
                }
                for (std::size_t k = 0; k < d; ++k) {
                    QVERIFY(near(spectrum.values[i * d + k], expected[i].at("ov_spectrum")[k]));
                    QVERIFY(near(spectrum.values[(expected.size() + i) * d + k], expected[i].at("qk_spectrum")[k]));
                }
            }
        }
    }

    void composition_scores_data() { models_data(); }
    void composition_scores() {
        QFETCH(QString, model);
        const Json& data = reference_.at(model.toStdString()).at("composition");
        auto session = open(model.toStdString());
        Grid raw = view<Grid>(run(*session, "composition-scores", {{"subtract_random", false}}), "scores");
        Result less = run(*session, "composition-scores", Json::object());
        const Grid& corrected = view<Grid>(less, "scores");
        std::size_t n = raw.axes.at(1).size(), computed = 0, expected = 0;
        for (std::size_t i = 0; i < raw.values.size(); ++i) computed += raw.computed(i);
        const char* kinds[] = {"q", "k", "v"};
        for (std::size_t kind = 0; kind < 3; ++kind)
            for (const Json& row : data.at(kinds[kind])) {
                std::size_t at = (kind * n + row[0].get<std::size_t>()) * n + row[1].get<std::size_t>();
                QVERIFY(raw.computed(at));
                QVERIFY2(near(raw.values[at], row[2]), kinds[kind]);
                QVERIFY(near(raw.values[at] - corrected.values[at], less.summary.at(0).second));
                ++expected;
            }
        QCOMPARE(computed, expected);
        QVERIFY(std::isnan(raw.values[0]));
        // Of independent normal matrices: E‖L R‖² ≈ ‖L‖²‖R‖²/d_model.
        QVERIFY(std::abs(less.summary.at(0).second * std::sqrt(session->facts().d_model) - 1) < 0.15);
        QVERIFY(less.summary.at(1).second > 0);
    }

    void tokens_are_read_off_the_whole_circuits_data() { models_data(); }
    void tokens_are_read_off_the_whole_circuits() {
        QFETCH(QString, model);
        const Json& data = reference_.at(model.toStdString());
        auto session = open(model.toStdString());
        Result result = run(*session, "head-circuits", {{"top_k", 4}, {"token_ids", {data.at("token")}}, {"directions", 0}});
        const Table& tokens = view<Table>(result, "tokens");
        QCOMPARE(tokens.rows.size(), data.at("top").size() * 8);
        for (std::size_t i = 0; i < tokens.rows.size(); ++i) {
            const Json& expected = data.at("top")[i / 8];
            std::size_t qk = i / 4 % 2, rank = i % 4;  // [OV ids, OV values, QK ids, QK values]
            QCOMPARE(std::get<std::string>(tokens.rows[i][0]), std::string(qk ? "QK" : "OV"));
            QCOMPARE(std::get<std::string>(tokens.rows[i][4]), session->token(expected[2 * qk][rank].get<std::int64_t>()).text);
            QVERIFY(near(number(tokens.rows[i][5]), expected[2 * qk + 1][rank]));
        }
        QCOMPARE(view<Table>(result, "directions").rows.size(), std::size_t{0});
    }

    void mistakes_are_named() {
        auto session = open("gpt2");
        auto message = [&](Json params) {
            try {
                run(*session, "head-circuits", std::move(params));
            } catch (const Error& error) {
                return QString(error.what());
            }
            return QString();
        };
        for (const char* head : {"L3.H0", "L0.H3", "L0", "L0.H1.q", "", "L-1.H0", "L0.H1 L1.H1"})
            if (*head) QVERIFY2(message({{"heads", head}}).contains("L0.H0 to L2.H2"), head);
        QVERIFY(message({{"token_ids", {50}}}).contains("from 0 to 49"));
        QVERIFY(message({{"tokens", {"x"}}}).contains("no tokenizer"));
        Transformer broken = golden::load("gpt2", at::kDouble);
        broken.blocks[0].attn.v.weight = broken.blocks[0].attn.v.weight * NAN;
        QVERIFY_THROWS_EXCEPTION(Error, HeadWeights(broken).ov(0, 0));
    }
};

QTEST_GUILESS_MAIN(TestCircuits)
#include "test_circuits.moc"
