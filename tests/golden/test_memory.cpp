// Loading holds nothing twice, and remembers the hash of a large file.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>

#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <fstream>

#include "rewrite.h"

using namespace rewrite;

namespace {

std::int64_t memory_line(const char* key) {  // kB
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key)) return std::stoll(line.substr(std::strlen(key) + 1));
    return -1;
}

// Random-looking finite weights of about 100 MB: the same bytes for every tensor.
void write_large(const fs::path& folder, const Json& config, const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes) {
    std::int64_t most = 0;
    auto count = [](const std::vector<std::int64_t>& shape) {
        std::int64_t n = 1;
        for (std::int64_t s : shape) n *= s;
        return n;
    };
    for (const auto& [name, shape] : shapes) most = std::max(most, count(shape));
    Tensor numbers = at::arange(most, at::kFloat).sin().mul(0.02);
    std::vector<StoredTensor> out;
    for (const auto& [name, shape] : shapes)
        out.push_back({name,
                       StoredType::F32,
                       shape,
                       {static_cast<const std::byte*>(numbers.const_data_ptr()), static_cast<std::size_t>(count(shape)) * 4}});
    fs::create_directories(folder);
    write_safetensors(folder / "model.safetensors", out);
    write_json(folder / "config.json", config);
}

constexpr int d = 512, layers = 8, vocab = 100;

void write_large_gpt2(const fs::path& folder) {
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes{
        {"wte.weight", {vocab, d}}, {"wpe.weight", {64, d}}, {"ln_f.weight", {d}}, {"ln_f.bias", {d}}};
    for (int l = 0; l < layers; ++l) {
        std::string at = "h." + std::to_string(l) + ".";
        for (const char* norm : {"ln_1", "ln_2"})
            for (const char* part : {".weight", ".bias"}) shapes.push_back({at + norm + part, {d}});
        shapes.insert(shapes.end(), {{at + "attn.c_attn.weight", {d, 3 * d}},
                                     {at + "attn.c_attn.bias", {3 * d}},
                                     {at + "attn.c_proj.weight", {d, d}},
                                     {at + "attn.c_proj.bias", {d}},
                                     {at + "mlp.c_fc.weight", {d, 4 * d}},
                                     {at + "mlp.c_fc.bias", {4 * d}},
                                     {at + "mlp.c_proj.weight", {4 * d, d}},
                                     {at + "mlp.c_proj.bias", {d}}});
    }
    write_large(folder,
                {{"model_type", "gpt2"}, {"n_layer", layers}, {"n_head", 8}, {"n_embd", d}, {"n_positions", 64}, {"vocab_size", vocab}},
                shapes);
}

void write_large_neox(const fs::path& folder) {
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes{{"embed_in.weight", {vocab, d}},
                                                                          {"embed_out.weight", {vocab, d}},
                                                                          {"final_layer_norm.weight", {d}},
                                                                          {"final_layer_norm.bias", {d}}};
    for (int l = 0; l < layers; ++l) {
        std::string at = "layers." + std::to_string(l) + ".";
        for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
            for (const char* part : {".weight", ".bias"}) shapes.push_back({at + norm + part, {d}});
        shapes.insert(shapes.end(), {{at + "attention.query_key_value.weight", {3 * d, d}},
                                     {at + "attention.query_key_value.bias", {3 * d}},
                                     {at + "attention.dense.weight", {d, d}},
                                     {at + "attention.dense.bias", {d}},
                                     {at + "mlp.dense_h_to_4h.weight", {4 * d, d}},
                                     {at + "mlp.dense_h_to_4h.bias", {4 * d}},
                                     {at + "mlp.dense_4h_to_h.weight", {d, 4 * d}},
                                     {at + "mlp.dense_4h_to_h.bias", {d}}});
    }
    write_large(folder,
                {{"model_type", "gpt_neox"},
                 {"num_hidden_layers", layers},
                 {"num_attention_heads", 8},
                 {"hidden_size", d},
                 {"intermediate_size", 4 * d},
                 {"max_position_embeddings", 64},
                 {"vocab_size", vocab}},
                shapes);
}

}  // namespace

class TestMemory : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void nothing_is_held_twice_data();
    void nothing_is_held_twice();
    void a_third_of_the_memory_is_enough_data();
    void a_third_of_the_memory_is_enough();
    void too_little_memory_is_refused();

  private:
    fs::path at(const char* name) {
        fs::path folder = dir_.filePath(name).toStdString();
        fs::create_directories(folder);
        return folder;
    }
    QTemporaryDir dir_;
};

void TestMemory::nothing_is_held_twice_data() {
    QTest::addColumn<bool>("regrouped");
    QTest::newRow("mapped") << false;
    QTest::newRow("regrouped by head") << true;
}

// Peak memory while loading about 100 MB, beyond what the process had before: at most 1.2 times the weights.
void TestMemory::nothing_is_held_twice() {
    QFETCH(bool, regrouped);
    qputenv("XDG_CACHE_HOME", at("cache").c_str());
    fs::path folder = at(regrouped ? "large-neox" : "large-gpt2"), file = folder / "model.safetensors";
    (regrouped ? write_large_neox : write_large_gpt2)(folder);
    golden::load("gpt2", at::kFloat);               // whatever loading takes once
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    std::int64_t before = memory_line("VmRSS:");
    LoadedModel loaded = load_model(folder);
    auto weights = static_cast<double>(fs::file_size(file)) / 1024, grown = static_cast<double>(memory_line("VmHWM:") - before);
    QVERIFY2(grown <= 1.2 * weights, (std::to_string(grown) + " kB for " + std::to_string(weights)).c_str());
    QVERIFY(loaded.transformer.forward(ids_tensor({{1, 2, 3}})).isfinite().all().item<bool>());
    // Its hash is remembered, and not when the file is another.
    QCOMPARE(loaded.sha256, sha256_file(file));
    QCOMPARE(load_model(folder).sha256, loaded.sha256);
    if (regrouped) return;
    std::fstream change(file, std::ios::in | std::ios::out | std::ios::binary);
    change.seekp(-4, std::ios::end);
    change.write("\0\0\0\x3f", 4);
    change.close();
    QVERIFY(load_model(folder).sha256 != loaded.sha256);
    QCOMPARE(load_model(folder).sha256, sha256_file(file));
}

void TestMemory::a_third_of_the_memory_is_enough_data() {
    QTest::addColumn<bool>("regrouped");
    QTest::addColumn<int>("dtype");
    QTest::newRow("mapped") << false << static_cast<int>(at::kFloat);
    QTest::newRow("regrouped by head") << true << static_cast<int>(at::kFloat);
    QTest::newRow("cast") << false << static_cast<int>(at::kDouble);
}

// Weights three times the limit: loading and running keep within it (and what a pass itself needs), with the same bits.
void TestMemory::a_third_of_the_memory_is_enough() {
    QFETCH(bool, regrouped);
    QFETCH(int, dtype);
    qputenv("XDG_CACHE_HOME", at("cache").c_str());
    fs::path folder = at(regrouped ? "large-neox" : "large-gpt2");
    (regrouped ? write_large_neox : write_large_gpt2)(folder);
    const auto type = static_cast<at::ScalarType>(dtype);
    const auto weights =
        static_cast<std::int64_t>(fs::file_size(folder / "model.safetensors")) / 4 * static_cast<std::int64_t>(c10::elementSize(type));
    const Tensor ids = ids_tensor({{1, 2, 3, 4, 5, 6, 7}, {7, 6, 5, 4, 3, 2, 1}});
    const Tensor expected = load_model(folder, type).transformer.forward(ids);
    ::malloc_trim(0);  // what the unlimited model left on the heap would hide growth
    std::ofstream("/proc/self/clear_refs") << "5";
    const std::int64_t before = memory_line("VmRSS:");
    const LoadedModel loaded = load_model(folder, type, at::kCPU, weights / 3);
    QVERIFY(loaded.transformer.pages);
    QVERIFY(loaded.transformer.pages->layers_kept() < layers);
    for (int pass = 0; pass < 2; ++pass) QVERIFY(loaded.transformer.forward(ids).equal(expected));
    const auto grown = (memory_line("VmHWM:") - before) * 1024;
    QVERIFY2(grown <= weights / 3 + (std::int64_t{8} << 20),
             (std::to_string(grown) + " bytes for a limit of " + std::to_string(weights / 3)).c_str());
    QVERIFY(load_model(folder, type, at::kCPU, 2 * weights).transformer.pages == nullptr);
}

void TestMemory::too_little_memory_is_refused() {
    qputenv("XDG_CACHE_HOME", at("cache").c_str());
    fs::path folder = at("large-gpt2");
    write_large_gpt2(folder);
    try {
        load_model(folder, at::kFloat, at::kCPU, 1 << 20);
        QFAIL("a limit below two layers");
    } catch (const Error& e) {
        QVERIFY2(std::string(e.what()).find("memory-limit: expected at least 2") == 0, e.what());
    }
}

QTEST_GUILESS_MAIN(TestMemory)
#include "test_memory.moc"
