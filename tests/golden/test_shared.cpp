// Trained models of the shared folder against what the reference libraries give on them (shared_expectations.json). Skipped where missing.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "core/base/json.h"
#include "core/generate.h"
#include "golden.h"

using namespace microtome;

namespace {

std::filesystem::path shared(const std::string& name) {
    return std::filesystem::path(MICROTOME_SHARED_DIR) / "models" / name;
}

Transformer model(const std::string& name) {
    return load_model(shared(name)).transformer;
}

Json expected(const std::string& name) {
    return read_json(golden::folder("") / "shared_expectations.json").at(name);
}

}  // namespace

class TestShared : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void stories_data();
    void stories();
    void previous_token_heads();
    void sorter_sorts_everything();
    void characters();
};

void TestShared::stories_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"tinystories-656k", "stories260K"}) QTest::newRow(name) << name;
}

// The five most probable next tokens, and 20 greedy ones read through the key/value cache.
void TestShared::stories() {
    QFETCH(QString, name);
    Transformer t = model(name.toStdString());
    Json want = expected(name.toStdString());
    auto ids = want.at("ids").get<std::vector<std::int64_t>>();
    auto [p, best] = t.forward(ids_tensor({ids}))[0][-1].to(at::kDouble).softmax(-1).topk(5);
    QVERIFY(best.equal(at::tensor(want.at("top_ids").get<std::vector<std::int64_t>>())));
    std::string wrong = golden::difference(p, at::tensor(want.at("top_probabilities").get<std::vector<double>>(), at::kDouble), 1e-5);
    QVERIFY2(wrong.empty(), wrong.c_str());
    auto continuation = want.at("greedy_ids").get<std::vector<std::int64_t>>();
    GenerateOptions options;
    options.max_new_tokens = static_cast<int>(continuation.size());
    Progress progress;
    QCOMPARE(generate(t, ids, options, progress).ids, continuation);
}

void TestShared::previous_token_heads() {
    Transformer t = model("stories260K");
    Json want = expected("stories260K");
    auto ids = want.at("ids").get<std::vector<std::int64_t>>();
    for (auto id : want.at("greedy_ids").get<std::vector<std::int64_t>>()) ids.push_back(id);
    auto rows = want.at("previous_token").get<std::vector<std::vector<double>>>();
    std::size_t checked = 0;
    for (const auto& [ref, x] : golden::record(t, {ids}).sites) {
        if (ref.site != Site::pattern) continue;
        Tensor scores = x[0].diagonal(-1, -2, -1).mean(-1);
        std::string wrong = golden::difference(scores, at::tensor(rows[static_cast<std::size_t>(ref.layer)], at::kDouble), 1e-5);
        QVERIFY2(wrong.empty(), wrong.c_str());
        ++checked;
    }
    QCOMPARE(checked, rows.size());
}

void TestShared::sorter_sorts_everything() {
    Transformer t = model("gpt-nano-sort");
    Json want = expected("gpt-nano-sort");
    golden::Rows words;
    for (int i = 0; i < 729; ++i) {
        std::vector<std::int64_t> word;
        for (int k = 0, rest = i; k < 6; ++k, rest /= 3) word.push_back(rest % 3);
        words.push_back(word);
    }
    Tensor given = ids_tensor(words), ids = given;
    for (int k = 0; k < 6; ++k) ids = at::cat({ids, t.forward(ids).select(1, -1).argmax(-1, true)}, 1);
    Tensor sorted = std::get<0>(given.sort(1));
    std::int64_t right = ids.narrow(1, 6, 6).eq(sorted).all(1).sum().item<std::int64_t>();
    QCOMPARE(right, want.at("sorted").get<std::int64_t>());
    QCOMPARE(right, std::int64_t{729});
    Tensor logits = t.forward(ids_tensor({want.at("probe").get<std::vector<std::int64_t>>()}))[0][-1];
    std::string wrong = golden::difference(logits, at::tensor(want.at("probe_logits").get<std::vector<double>>(), at::kDouble), 1e-5);
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestShared::characters() {
    Transformer t = model("mini-gpt2-tinystories-char");
    Json want = expected("mini-gpt2-tinystories-char");
    Tensor ids = ids_tensor({want.at("ids").get<std::vector<std::int64_t>>()});
    Tensor logits = t.forward(ids);
    auto head = want.at("last_logits_head").get<std::vector<double>>();
    Tensor ours = logits[0][-1].narrow(0, 0, static_cast<std::int64_t>(head.size()));
    std::string wrong = golden::difference(ours, at::tensor(head, at::kDouble), 1e-5);
    QVERIFY2(wrong.empty(), wrong.c_str());
    Tensor next = ids.narrow(1, 1, 31).unsqueeze(2);
    double nats = -logits.narrow(1, 0, 31).to(at::kDouble).log_softmax(-1).gather(2, next).mean().item<double>();
    QVERIFY(std::abs(nats - want.at("window_nats").get<double>()) < 1e-5);
}

int main(int argc, char** argv) {
    std::error_code failed;
    for (const char* name : {"tinystories-656k", "stories260K", "gpt-nano-sort", "mini-gpt2-tinystories-char"})
        if (!std::filesystem::exists(shared(name) / "config.json", failed)) {
            std::printf("SKIP: no model %s\n", shared(name).c_str());
            return 77;
        }
    TestShared test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_shared.moc"
