// Processing leaves the log-probabilities as they are (1e-10 in float64), switch by switch, or is refused; the processed activations are
// HookedTransformer's.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "core/base/error.h"
#include "core/models/processing.h"
#include "golden.h"
#include "hooks/divergence.h"

using namespace microtome;

class TestProcessing : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void keeps_log_probabilities_data();
    void keeps_log_probabilities();
    void does_what_it_says();
    void equals_the_reference_data();
    void equals_the_reference();
    void leaves_the_given_model_alone();
    void refuses();
};

void TestProcessing::keeps_log_probabilities_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("processing");
    std::vector<std::string> models = golden::models();
    for (const auto& entry : std::filesystem::directory_iterator(golden::folder("architectures")))
        if (exists(entry.path() / "config.json")) models.push_back("architectures/" + entry.path().filename().string());
    QVERIFY(models.size() > 20);
    for (const std::string& model : models)
        for (const char* processing : {"fold_norms", "center_writing", "center_unembed", "fold_value_biases", "processed"}) {
            const ModelConfig& config = golden::load(model, at::kFloat).config;
            if (std::string(processing) == "processed" || refusal(processing, config).empty())
                QTest::newRow((model + " " + processing).c_str()) << QString::fromStdString(model) << processing;
        }
}

void TestProcessing::keeps_log_probabilities() {
    QFETCH(QString, model);
    QFETCH(QString, processing);
    Transformer raw = golden::load(model.toStdString(), at::kDouble);
    Transformer other = processed(raw, parse_processing(processing.toStdString(), raw.config));
    Tensor ids = at::randint(raw.config.d_vocab, {2, std::min(raw.config.n_ctx, 24)}, at::detail::createCPUGenerator(1), at::kLong);
    Divergence d = compare_runs(raw, other, ids, true);
    QVERIFY2(d.logprobs <= 1e-10, std::to_string(d.logprobs).c_str());
    auto first = d.first_above(1e-10);
    QVERIFY2(!first, first ? hook_name(first->ref).c_str() : "");
}

// Each switch reaches what it is for, and only that.
void TestProcessing::does_what_it_says() {
    Transformer raw = golden::load("gpt2", at::kDouble);
    auto with = [&](const char* one) { return processed(raw, parse_processing(one, raw.config)); };
    auto mean = [](const Tensor& x, int axis) { return x.mean(axis).abs().max().item<double>(); };
    Transformer folded = with("fold_norms");
    QVERIFY(!folded.blocks[1].ln1.weight.defined() && !folded.blocks[1].ln2.bias.defined() && !folded.ln_final.weight.defined());
    QVERIFY(mean(folded.blocks[1].attn.q.weight, 0) < 1e-15 && mean(folded.unembed.weight, 0) < 1e-15);
    Transformer written = with("center_writing");
    QVERIFY(mean(raw.W_E, -1) > 1e-3 && mean(written.W_E, -1) < 1e-15 && mean(written.W_pos, -1) < 1e-15);
    QVERIFY(mean(written.blocks[0].attn.o.weight, -1) < 1e-15 && mean(written.blocks[2].mlp.out.weight, -1) < 1e-15);
    QVERIFY(std::abs(written.blocks[0].mlp.out.bias.mean().item<double>()) < 1e-15);
    QVERIFY(written.unembed.weight.equal(raw.unembed.weight));  // tied to W_E until now
    Transformer unembed = with("center_unembed");
    QVERIFY(mean(unembed.unembed.weight, -1) < 1e-15 && unembed.W_E.equal(raw.W_E));
    Transformer values = with("fold_value_biases");
    QVERIFY(raw.blocks[0].attn.v.bias.defined() && !values.blocks[0].attn.v.bias.defined());
    QVERIFY(!values.blocks[0].attn.o.bias.allclose(raw.blocks[0].attn.o.bias));
}

void TestProcessing::equals_the_reference_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "llama", "tl-mlp"}) QTest::newRow(model) << model;
}

void TestProcessing::equals_the_reference() {
    QFETCH(QString, model);
    std::string name = model.toStdString();
    Transformer raw = golden::load(name, at::kDouble);
    Transformer ours = processed(raw, parse_processing("processed", raw.config));
    golden::Reference reference(golden::folder(name) / "processed.safetensors");
    auto run = golden::record(ours, golden::batch(name));
    std::size_t compared = 0;
    for (const auto& [ref, x] : run.sites) {
        Tensor expected = reference.find(hook_name(ref));
        if (!expected.defined()) continue;
        ++compared;
        std::string wrong = golden::difference(x, expected.expand_as(x), 1e-5);
        QVERIFY2(wrong.empty(), (hook_name(ref) + ": " + wrong).c_str());
    }
    QCOMPARE(compared, reference.names().size() - 1);
    std::string wrong = golden::difference(run.logits, reference.at("logits"), 1e-5);
    QVERIFY2(wrong.empty(), wrong.c_str());
}

void TestProcessing::leaves_the_given_model_alone() {
    Transformer raw = golden::load("gpt2", at::kDouble);
    Tensor ids = ids_tensor(golden::batch("gpt2")), before = raw.forward(ids);
    processed(raw, parse_processing("processed", raw.config));
    QVERIFY(raw.forward(ids).equal(before));
}

void TestProcessing::refuses() {
    auto message = [](const std::string& text, const ModelConfig& config) {
        try {
            parse_processing(text, config);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    ModelConfig llama = golden::load("llama", at::kFloat).config, gpt2 = golden::load("gpt2", at::kFloat).config;
    QVERIFY(message("center_writing", llama).find("LayerNorm") != std::string::npos);
    QVERIFY(message("center_writing", gpt2).empty());
    QVERIFY(message("folded", gpt2).find("\"folded\"") != std::string::npos);
    QVERIFY(!message("", gpt2).empty());
    QVERIFY(!parse_processing("processed", llama).center_writing && parse_processing("processed", llama).fold_norms);
    ModelConfig capped = llama;
    capped.logit_cap = 30;
    QVERIFY(message("center_unembed", capped).find("soft cap") != std::string::npos);
    QVERIFY(!parse_processing("processed", capped).center_unembed);
}

QTEST_GUILESS_MAIN(TestProcessing)
#include "test_processing.moc"
