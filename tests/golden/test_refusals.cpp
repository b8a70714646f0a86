// What can't be honoured in a config or in the tensors is named.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/models/architecture.h"
#include "rewrite.h"

using namespace rewrite;

class TestRefusals : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void fields_are_named_data();
    void fields_are_named();
    void tensors_are_named();

  private:
    QTemporaryDir dir_;
};

void TestRefusals::fields_are_named_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("expected");
    auto row = [](const char* name, const char* model, const char* patch, const char* expected) {
        QTest::newRow(name) << model << patch << expected;
    };
    row("kind of scaling", "llama", R"({"rope_parameters": {"rope_type": "ntk-aware"}})",
        "c.json#/rope_parameters/rope_type: expected default, linear, dynamic, llama3, yarn or longrope, got \"ntk-aware\"");
    row("scaling without a factor", "llama", R"({"rope_parameters": {"rope_type": "linear"}})", "c.json#/rope_parameters/factor");
    row("scaling by nothing", "llama", R"({"rope_parameters": {"rope_type": "linear", "factor": 0}})",
        "factor: expected a positive number");
    row("LongRoPE's factors", "architectures/phi3",
        R"({"rope_parameters": {"rope_type": "longrope", "short_factor": [1], "long_factor": [1, 1, 1, 1]}})",
        "short_factor: expected 4 factors, one a rotated pair, got 1");
    row("more than the head", "architectures/phi", R"({"rope_parameters": {"partial_rotary_factor": 1.5}})",
        "partial_rotary_factor: expected a share of d_head");
    row("heads that don't divide", "llama", R"({"head_dim": null, "num_attention_heads": 5})",
        "c.json#/num_attention_heads: expected a divisor");
    row("K/V heads that don't divide", "llama", R"({"num_key_value_heads": 3})", "n_kv_heads: expected a divisor of the 4 heads");
    row("opt-350m", "architectures/opt", R"({"do_layer_norm_before": false})", "c.json#/do_layer_norm_before: expected true, got false");
    row("projected embeddings", "architectures/opt", R"({"word_embed_proj_dim": 12})",
        "c.json#/word_embed_proj_dim: expected hidden_size 24");
    row("kind of layer", "architectures/qwen2", R"({"layer_types": ["full_attention", "chunked_attention"]})",
        "c.json#/layer_types/1: expected full_attention or");
    row("layers", "architectures/qwen2", R"({"layer_types": ["full_attention"]})",
        "c.json#/layer_types: expected one entry for each of the 2 layers");
    row("window", "architectures/gemma2", R"({"sliding_window": -4})", "c.json#/sliding_window: expected a size");
    row("cap", "architectures/gemma2", R"({"attn_logit_softcapping": -4})", "softcapping: expected caps");
    row("scale", "architectures/gemma2", R"({"query_pre_attn_scalar": 0})", "query_pre_attn_scalar: expected a positive number");
    row("both ways", "architectures/gemma", R"({"use_bidirectional_attention": true})",
        "use_bidirectional_attention: expected false, got true");
    row("cap of Gemma 3", "architectures/gemma3_text", R"({"attn_logit_softcapping": 4})", "attn_logit_softcapping: expected null");
    row("kinds of attention", "architectures/gpt_neo", R"({"attention_types": [[["global", "nearby"], 1]]})",
        "attention_types: expected global or local");
    row("number of kinds", "architectures/gpt_neo", R"({"attention_types": [[["global"], 2]]})",
        "expected one kind for each of the 3 layers, got 2");
    row("packed wrongly", "architectures/gpt_neo", R"({"attention_types": [["global", "local", "local"]]})", "expected items like");
    row("activation", "llama", R"({"hidden_act": "swiglu"})", "c.json#/hidden_act: expected relu, gelu");
    row("norm after the embedding", "architectures/transformer_lens", R"({"post_embedding_ln": true})",
        "c.json#/post_embedding_ln: expected false");
    row("experts", "architectures/transformer_lens", R"({"num_experts": 4})", "c.json#/num_experts: expected null, got 4");
    row("kind of norm", "architectures/transformer_lens", R"({"normalization_type": "DyT"})", "c.json#/normalization_type: expected null");
    row("local or global", "architectures/transformer_lens", R"({"attn_types": ["local", "x", "local"]})",
        "c.json#/attn_types: expected \"local\" or");
    row("another family", "llama", R"({"model_type": "mamba"})", "c.json#/model_type: expected a supported architecture (gpt2, gpt_neo");
}

void TestRefusals::fields_are_named() {
    QFETCH(QString, model);
    QFETCH(QString, patch);
    QFETCH(QString, expected);
    Json config = config_of(model.toStdString());
    config.update(parse_json(patch.toStdString(), "patch"), true);
    if (patch.contains("null")) config["head_dim"] = nullptr;
    QString got = message([&] { architecture_of(config, "c.json").configure(config, "c.json"); });
    QVERIFY2(got.contains(expected), qPrintable(got));
}

void TestRefusals::tensors_are_named() {
    fs::path folder = dir_.path().toStdString();
    Json config = config_of("architectures/qwen2");
    auto refused = [&](auto&& change) {
        Contents contents("architectures/qwen2");
        change(contents.tensors);
        contents.write(folder / "model.safetensors");
        write_json(folder / "config.json", config);
        return message([&] { load_model(folder); });
    };
    using Tensors = std::map<std::string, Tensor>;
    QVERIFY(
        refused([](Tensors& t) { t.erase("model.layers.1.self_attn.k_proj.bias"); }).contains("\"model.layers.1.self_attn.k_proj.bias\""));
    QVERIFY(refused([](Tensors& t) { t["model.layers.1.self_attn.o_proj.bias"] = at::zeros({24}); }).contains("self_attn.o_proj.bias"));
    QVERIFY(
        refused([](Tensors& t) { t["model.norm.weight"] = at::zeros({23}); }).contains("model.norm.weight: expected shape (24), got (23)"));
    QVERIFY(refused([](Tensors& t) {
                t["model.norm.weight"] = at::full({24}, NAN);
            }).contains("model.norm.weight: expected finite weights, got 24 of 24"));
    QVERIFY(refused([](Tensors& t) {
                (t["model.embed_tokens.weight"] = t["model.embed_tokens.weight"].clone())[3][4] = INFINITY;
            }).contains("got 1 of 960 NaN or infinite"));
    config["quantization_config"] = {{"quant_method", "gptq"}};
    QVERIFY(refused([](Tensors&) {}).contains("quantization_config: expected none"));
}

QTEST_GUILESS_MAIN(TestRefusals)
#include "test_refusals.moc"
