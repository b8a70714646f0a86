// Opening models: layouts, number types and files that hold the same weights give the same logits; nothing is
// held twice.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/llama2c_model.h"
#include "core/models/architecture.h"
#include "core/models/size.h"
#include "rewrite.h"

using namespace rewrite;

class TestLoading : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void number_types();
    void shards();
    void llama2c();
    void one_file_with_its_config_beside_it();
    void hub_cache();
    void parts_add_up();
    void parity_of_all();

  private:
    fs::path at(const char* name) {
        fs::path folder = dir_.filePath(name).toStdString();
        fs::create_directories(folder);
        return folder;
    }
    QTemporaryDir dir_;
};

// float16 and bfloat16 files are the rounded weights, whatever the run's type.
void TestLoading::number_types() {
    fs::path folder = at("types");
    write_json(folder / "config.json", config_of("architectures/gemma2"));
    Tensor ids = ids_tensor({{1, 5, 9, 2, 30, 31, 7, 7, 8}});
    for (auto [type, dtype] : {std::pair{StoredType::F16, at::kHalf}, {StoredType::BF16, at::kBFloat16}, {StoredType::F64, at::kDouble}}) {
        Contents("architectures/gemma2").write(folder / "model.safetensors", type);
        Transformer rounded = golden::load("architectures/gemma2", dtype);
        QVERIFY(load_model(folder, at::kFloat).transformer.forward(ids).equal(convert(rounded, at::kFloat, at::kCPU).forward(ids)));
        Transformer as_stored = load_model(folder, dtype).transformer;
        QVERIFY(as_stored.W_E.scalar_type() == dtype && as_stored.forward(ids).isfinite().all().item<bool>());
        for (auto& [name, tensor] : as_stored.parameters()) QVERIFY2(tensor->scalar_type() == dtype, name.c_str());
    }
}

void TestLoading::shards() {
    fs::path folder = at("shards");
    write_json(folder / "config.json", config_of("architectures/mistral"));
    Contents contents("architectures/mistral");
    std::vector<std::string> parts[2];
    Json map = Json::object();
    for (const auto& [name, x] : contents.tensors) {
        std::size_t i = map.size() % 2;
        parts[i].push_back(name);
        map[name] = i ? "model-00002-of-00002.safetensors" : "model-00001-of-00002.safetensors";
    }
    contents.write(folder / "model-00001-of-00002.safetensors", StoredType::F32, parts[0]);
    contents.write(folder / "model-00002-of-00002.safetensors", StoredType::F32, parts[1]);
    write_json(folder / "model.safetensors.index.json", {{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
    LoadedModel loaded = load_model(folder);
    Tensor ids = ids_tensor({{1, 5, 9, 2, 30, 31, 7, 7, 8}});
    QVERIFY(loaded.transformer.forward(ids).equal(golden::load("architectures/mistral", at::kFloat).forward(ids)));
    QCOMPARE(loaded.sha256.size(), std::size_t{64});
    fs::remove(folder / "model-00002-of-00002.safetensors");
    QVERIFY(message([&] { load_model(folder); }).contains("model-00002-of-00002.safetensors: expected a readable file"));
}

// The same Llama as one .bin file: its q and k rows are in pairs.
void TestLoading::llama2c() {
    Contents contents("llama");
    Json config = config_of("llama");
    int width = config["hidden_size"], heads = config["num_attention_heads"], kv = config["num_key_value_heads"],
        vocabulary = config["vocab_size"], n_layers = config["num_hidden_layers"], context = config["max_position_embeddings"],
        hidden = config["intermediate_size"];
    std::string bytes;
    auto put = [&](const Tensor& x) {
        Tensor flat = x.contiguous();
        bytes.append(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
    };
    put(at::tensor({width, hidden, n_layers, heads, kv, -vocabulary, context}, at::kInt));
    auto& t = contents.tensors;
    put(t.at("model.embed_tokens.weight"));
    for (const char* part : {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                             "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"})
        for (int l = 0; l < n_layers; ++l) {
            Tensor x = t.at("model.layers." + std::to_string(l) + "." + part + ".weight");
            std::string name = part;
            int n = name == "self_attn.q_proj" ? heads : name == "self_attn.k_proj" ? kv : 0;
            put(n ? x.unflatten(0, {n, 2, width / heads / 2}).transpose(1, 2) : x);  // halves to neighbours
        }
    put(t.at("model.norm.weight"));
    put(at::zeros({context, width / heads}));
    put(t.at("lm_head.weight"));
    fs::path file = at("llama2c") / "model.bin";
    write_file(file, bytes);
    Transformer ours = load_model(file).transformer;
    QCOMPARE(ours.config.architecture, std::string("llama2c"));
    for (Block& block : ours.blocks) block.attn.rotary.base = 5000;  // the format has no place for it
    Tensor ids = ids_tensor(golden::batch("llama"));
    std::string wrong = golden::difference(ours.forward(ids), golden::load("llama", at::kFloat).forward(ids), 1e-5);
    QVERIFY2(wrong.empty(), wrong.c_str());
    for (std::size_t size : {bytes.size() - 1, bytes.size() - 4, bytes.size() + 4, std::size_t{28}, std::size_t{0}}) {
        std::string other = bytes;
        other.resize(size);
        write_file(file, other);
        QVERIFY(message([&] { load_model(file); }).contains("model.bin: expected safetensors, or a llama2.c model"));
    }
}

void TestLoading::one_file_with_its_config_beside_it() {
    fs::path file = golden::folder("gpt2") / "model.safetensors";
    QCOMPARE(locate_model(file.string()), file);
    QVERIFY(load_model(file).transformer.W_E.equal(golden::load("gpt2", at::kFloat).W_E));
    QCOMPARE(load_model(file).sha256, load_model(golden::folder("gpt2")).sha256);
}

void TestLoading::hub_cache() {
    fs::path root = at("hub"), model = root / "models--some--model", blob = model / "blobs" / "1";
    fs::create_directories(model / "snapshots" / "abc");
    fs::create_directories(model / "refs");
    fs::create_directories(blob.parent_path());
    fs::copy_file(golden::folder("gpt2") / "model.safetensors", blob);
    fs::create_symlink("../../blobs/1", model / "snapshots" / "abc" / "model.safetensors");
    fs::copy_file(golden::folder("gpt2") / "config.json", model / "snapshots" / "abc" / "config.json");
    write_file(model / "refs" / "main", "abc\n");
    qputenv("HF_HUB_CACHE", root.c_str());
    QCOMPARE(locate_model("some/model"), model / "snapshots" / "abc");
    QVERIFY(load_model(locate_model("some/model")).transformer.W_E.equal(golden::load("gpt2", at::kFloat).W_E));
    QVERIFY(message([] { locate_model("some/other"); }).contains("model some/other: expected a bundled name"));
    qunsetenv("HF_HUB_CACHE");
}

void TestLoading::parts_add_up() {
    std::vector<std::string> names = golden::models();
    for (const auto& entry : fs::directory_iterator(golden::folder("architectures")))
        names.push_back("architectures/" + entry.path().filename().string());
    for (const std::string& name : names) {
        Transformer t = golden::load(name, at::kFloat);
        PartCounts all = count_parts(t), layer = count_layer(t);
        QCOMPARE(all.total(), t.count_parameters());
        QCOMPARE(all.attention, layer.attention * t.config.n_layers);
        QCOMPARE(all.mlp, layer.mlp * t.config.n_layers);
        QCOMPARE(all.unembedding == 0, t.config.tied && !t.unembed.bias.defined());
        // What recording keeps is what the sites' own tensors take.
        std::int64_t kept = 0;
        golden::Rows rows{{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}};
        for (const auto& [ref, x] : golden::record(t, rows).sites) kept += x.numel() * 4;
        QCOMPARE(predict_memory(t, 2, 5, all_sites(t.config)).sites, kept);
    }
}

void TestLoading::parity_of_all() {
    for (const Architecture* a : architectures()) QVERIFY2(parity_of(a->name), a->name);
    QVERIFY(!parity_of("recipe"));
}

QTEST_GUILESS_MAIN(TestLoading)
#include "test_loading.moc"
