// Every site of every toy model against TransformerLens, in the order of the forward pass: a failure names the first that diverges.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "golden.h"

using namespace microtome;

Q_DECLARE_METATYPE(at::ScalarType)

class TestSites : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }  // tiny tensors: threads only cost
    void sites_data();
    void sites();
    void sites_are_all_the_reference_has();
    void logits_data() { sites_data(); }
    void logits();
    void cached_data() { sites_data(); }
    void cached();
    void a_wrong_part_is_named_data();
    void a_wrong_part_is_named();
};

void TestSites::sites_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<at::ScalarType>("dtype");
    for (const std::string& model : golden::models())
        for (at::ScalarType dtype : {at::kDouble, at::kFloat})
            QTest::newRow((model + " " + dtype_name(dtype)).c_str()) << QString::fromStdString(model) << dtype;
}

void TestSites::sites() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    std::string name = model.toStdString();
    golden::Reference reference(golden::folder(name) / (dtype == at::kDouble ? "sites64.safetensors" : "sites.safetensors"));
    auto run = golden::record(golden::load(name, dtype), golden::batch(name));
    std::string wrong = golden::first_divergence(run, reference, golden::tolerance(dtype));
    QVERIFY2(wrong.empty(), wrong.c_str());
    QCOMPARE(run.sites.size(), reference.names().size());
}

void TestSites::sites_are_all_the_reference_has() {
    for (const std::string& model : golden::models()) {
        std::vector<std::string> expected = golden::Reference(golden::folder(model) / "sites.safetensors").names(), listed, reached;
        Transformer transformer = golden::load(model, at::kFloat);
        for (SiteRef ref : all_sites(transformer.config)) listed.push_back(hook_name(ref));
        for (const auto& [ref, x] : golden::record(transformer, golden::batch(model)).sites) reached.push_back(hook_name(ref));
        for (auto* names : {&expected, &listed, &reached}) std::sort(names->begin(), names->end());
        QVERIFY2(reached == expected, model.c_str());
        QVERIFY2(listed == expected, model.c_str());
    }
}

// The fused path (nobody watches) and the watched one, at 1, 7, 12 and all 32 positions of the context.
void TestSites::logits() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    std::string name = model.toStdString();
    golden::Reference reference(golden::folder(name) / "logits.safetensors");
    Transformer transformer = golden::load(name, dtype);
    std::vector<std::pair<std::string, golden::Rows>> runs{{"batch.", golden::batch(name)}};
    for (const auto& row : golden::singles(name)) runs.push_back({"single." + std::to_string(runs.size() - 1) + ".", {row}});
    for (const auto& [key, ids] : runs) {
        Tensor expected = reference.at(key + dtype_name(dtype));
        for (const Tensor& ours : {transformer.forward(ids_tensor(ids)), golden::record(transformer, ids).logits}) {
            std::string wrong = golden::difference(ours, expected, golden::tolerance(dtype));
            QVERIFY2(wrong.empty(), (key + wrong).c_str());
        }
    }
}

// Reading a prompt in parts through the key/value cache gives the logits of reading it at once.
void TestSites::cached() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    std::string name = model.toStdString();
    Transformer transformer = golden::load(name, dtype);
    Tensor expected = golden::Reference(golden::folder(name) / "logits.safetensors").at("batch." + dtype_name(dtype));
    Tensor ids = ids_tensor(golden::batch(name));
    for (const std::vector<std::int64_t>& parts : std::vector<std::vector<std::int64_t>>{{4, 3}, {1, 1, 5}, {6, 1}}) {
        KvCache cache;
        std::vector<Tensor> logits;
        for (std::int64_t n : parts)
            logits.push_back(transformer.forward(ids.narrow(1, cache.length(), n), {}, Context{cache.length(), &cache}));
        std::string wrong = golden::difference(at::cat(logits, 1), expected, golden::tolerance(dtype));
        QVERIFY2(wrong.empty(), wrong.c_str());
    }
}

// One part is made wrong on purpose: the comparison must name the site behind it, so small a change must not hide in the tolerance.
void TestSites::a_wrong_part_is_named_data() {
    using Change = void (*)(Transformer&);
    QTest::addColumn<QString>("model");
    QTest::addColumn<void*>("change");
    QTest::addColumn<QString>("site");
    auto row = [](const char* what, const char* model, Change change, const char* site) {
        QTest::newRow(what) << model << reinterpret_cast<void*>(change) << site;
    };
    row(
        "exact GELU for its tanh form", "gpt2", [](Transformer& t) { t.blocks[1].mlp.activation = Activation::gelu; },
        "blocks.1.mlp.hook_post");
    row(
        "epsilon 1e-3 for 1e-4", "gpt2-untied", [](Transformer& t) { t.blocks[1].ln2.eps = 1e-3; }, "blocks.1.ln2.hook_scale");
    row(
        "rotary base", "llama", [](Transformer& t) { t.blocks[0].attn.rotary.base = 5001; }, "blocks.0.attn.hook_rot_q");
    row(
        "score scale", "attn-only", [](Transformer& t) { t.blocks[1].attn.score_scale *= 1.0001; }, "blocks.1.attn.hook_attn_scores");
    row(
        "a lost bias", "tl-mlp", [](Transformer& t) { t.blocks[0].attn.o.bias = Tensor(); }, "blocks.0.hook_attn_out");
    row(
        "LayerNorm for RMSNorm", "llama-tied", [](Transformer& t) { t.ln_final.kind = Norm::layer; }, "ln_final.hook_scale");
    row(
        "parallel for sequential", "gpt2", [](Transformer& t) { t.blocks[2].parallel = true; }, "blocks.2.hook_mlp_in");
}

void TestSites::a_wrong_part_is_named() {
    QFETCH(QString, model);
    QFETCH(void*, change);
    QFETCH(QString, site);
    std::string name = model.toStdString();
    Transformer transformer = golden::load(name, at::kFloat);
    reinterpret_cast<void (*)(Transformer&)>(change)(transformer);
    golden::Reference reference(golden::folder(name) / "sites.safetensors");
    std::string wrong =
        golden::first_divergence(golden::record(transformer, golden::batch(name)), reference, golden::tolerance(at::kFloat));
    QCOMPARE(QString::fromStdString(wrong.substr(0, wrong.find(':'))), site);
}

QTEST_GUILESS_MAIN(TestSites)
#include "test_sites.moc"
