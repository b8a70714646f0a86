// Every architecture against `transformers`: logits, hidden states and attention in float32, the same code without its casts in float64;
// and what holds for any composition: reading in parts, copies of the stream, gradients at every site.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <set>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/models/architecture.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

Q_DECLARE_METATYPE(at::ScalarType)

namespace {

std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(golden::folder("architectures"))) out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
}

std::string place_of(const std::string& name) {
    return "architectures/" + name;
}

golden::Rows ids_of(const std::string& name, const char* key) {
    return read_json(golden::folder(place_of(name)) / "ids.json").at(key).get<golden::Rows>();
}

golden::Reference reference_of(const std::string& name) {
    return golden::Reference(golden::folder(place_of(name)) / "reference.safetensors");
}

// `transformers` calls hidden.l the stream into layer l, and hidden.L what the unembedding reads.
std::string reference_name(SiteRef ref, int n_layers) {
    if (ref.site == Site::resid_pre) return "hidden." + std::to_string(ref.layer);
    if (ref.site == Site::pattern) return "attention." + std::to_string(ref.layer);
    if (ref.site == Site::unembed_in) return "hidden." + std::to_string(n_layers);
    return {};
}

bool wants_embed(const std::vector<SiteRef>& sites) {
    return std::find(sites.begin(), sites.end(), SiteRef{Site::embed, -1}) != sites.end();
}

}  // namespace

class TestArchitectures : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void all_are_here();
    void reference_data();
    void reference();
    void lens_sites();
    void cached_data() { every_model(); }
    void cached();
    void copies_change_nothing_data() { every_model(); }
    void copies_change_nothing();
    void gradients_data() { every_model(); }
    void gradients();
    void padding_behind_changes_nothing_data() { every_model(); }
    void padding_behind_changes_nothing();

  private:
    static void every_model();
};

void TestArchitectures::all_are_here() {
    std::set<std::string> covered{"gpt2", "llama2c"};  // golden files of their own: test_sites, test_shared
    for (const std::string& name : names()) covered.insert(golden::load(place_of(name), at::kFloat).config.architecture);
    for (const Architecture* a : architectures()) QVERIFY2(covered.contains(a->name), a->name);
}

void TestArchitectures::every_model() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<at::ScalarType>("dtype");
    for (const std::string& name : names())
        for (at::ScalarType dtype : {at::kDouble, at::kFloat})
            QTest::newRow((name + " " + dtype_name(dtype)).c_str()) << QString::fromStdString(name) << dtype;
}

void TestArchitectures::reference_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<at::ScalarType>("dtype");
    for (const std::string& name : names())
        if (name != "transformer_lens")  // lens_sites
            for (at::ScalarType dtype : {at::kDouble, at::kFloat})
                QTest::newRow((name + " " + dtype_name(dtype)).c_str()) << QString::fromStdString(name) << dtype;
}

// Watched and unwatched (fused) runs, in the order of the forward pass: the first that diverges is named.
void TestArchitectures::reference() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    std::string name = model.toStdString(), type = "." + dtype_name(dtype);
    Transformer transformer = golden::load(place_of(name), dtype);
    golden::Reference reference = reference_of(name);
    double tolerance = golden::tolerance(dtype);
    int compared = 0, n_layers = transformer.config.n_layers;
    auto run = golden::record(transformer, ids_of(name, "long"));
    for (const auto& [ref, x] : run.sites) {
        std::string key = reference_name(ref, n_layers);
        Tensor expected = key.empty() ? Tensor() : reference.find("long." + key + type);
        if (!expected.defined()) continue;  // attention is kept in float32 only
        std::string wrong = golden::difference(x, expected, tolerance);
        QVERIFY2(wrong.empty(), (key + ": " + wrong).c_str());
        ++compared;
    }
    QCOMPARE(compared, dtype == at::kFloat ? 2 * n_layers + 1 : n_layers + 1);
    for (const char* key : {"long", "short"}) {
        Tensor ids = ids_tensor(ids_of(name, key)), expected = reference.at(std::string(key) + ".logits" + type);
        for (const Tensor& ours : {transformer.forward(ids), golden::record(transformer, ids_of(name, key)).logits}) {
            std::string wrong = golden::difference(ours, expected, tolerance);
            QVERIFY2(wrong.empty(), (key + (" logits: " + wrong)).c_str());
        }
    }
}

// All hook points of a model with whatever TransformerLens' config can say, under its names; those of the last layer are kept.
void TestArchitectures::lens_sites() {
    golden::Reference reference = reference_of("transformer_lens");
    auto run = golden::record(golden::load(place_of("transformer_lens"), at::kDouble), ids_of("transformer_lens", "long"));
    std::set<std::string> left;
    for (const std::string& name : reference.names()) left.insert(name);
    for (const auto& [ref, x] : run.sites) {
        std::string name = hook_name(ref);
        Tensor expected = reference.find(name);
        bool copy = ref.site >= Site::attn_in && ref.site <= Site::v_input;  // not made in the reference run: copies_change_nothing
        QCOMPARE(expected.defined(), !copy && (ref.layer < 0 || ref.layer == 2));
        if (!expected.defined()) continue;
        left.erase(name);
        // TransformerLens norms queries and keys as rows (batch · position · head, d_head).
        std::string wrong = golden::difference(x, expected.reshape(x.sizes()), 1e-9);
        QVERIFY2(wrong.empty(), (name + ": " + wrong).c_str());
    }
    std::string wrong = golden::difference(run.logits, reference.at("long.logits.float64"), 1e-9);
    QVERIFY2(wrong.empty(), wrong.c_str());
    QCOMPARE(left, std::set<std::string>{"long.logits.float64"});
}

// Reading in parts through the key/value cache gives the logits of reading at once, as long as the positions' stretch stays the same.
void TestArchitectures::cached() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    std::string name = model.toStdString();
    Transformer transformer = golden::load(place_of(name), dtype);
    Tensor ids = ids_tensor(ids_of(name, "long"));
    const Rotary& rotary = transformer.config.rotary;
    bool stretches = angles_differ(rotary, 1, ids.size(1));
    std::int64_t length = stretches ? rotary.original_n_ctx : ids.size(1);
    Tensor expected = transformer.forward(ids.narrow(1, 0, length));
    for (std::int64_t first : {std::int64_t{1}, std::int64_t{7}, length - 1}) {
        KvCache cache;
        std::vector<Tensor> logits;
        for (std::int64_t at = 0, n = first; at < length; at += n, n = std::min(length - at, n == 1 ? 3 : std::int64_t{1})) {
            if (at + n > length) n = length - at;
            logits.push_back(transformer.forward(ids.narrow(1, at, n), {}, Context{at, &cache}));
        }
        std::string wrong = golden::difference(at::cat(logits, 1), expected, golden::tolerance(dtype));
        QVERIFY2(wrong.empty(), wrong.c_str());
        if (stretches) QVERIFY_THROWS_EXCEPTION(Error, transformer.forward(ids.narrow(1, length, 1), {}, Context{length, &cache}));
    }
}

// Heads that read copies of the stream, each replaced by an equal tensor: nothing may change but the last bits.
void TestArchitectures::copies_change_nothing() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    struct Copier : SiteHandler {
        bool wants(SiteRef ref) const override {
            return ref.site == Site::q_input || ref.site == Site::k_input || ref.site == Site::v_input || ref.site == Site::mlp_in ||
                   ref.site == Site::result;
        }
        Tensor see(SiteRef, Tensor x) override { return ++fired, x.clone(); }
        int fired = 0;
    } copier;
    Transformer transformer = golden::load(place_of(model.toStdString()), dtype);
    Tensor ids = ids_tensor(ids_of(model.toStdString(), "long"));
    std::string wrong = golden::difference(transformer.forward(ids, Tap(copier)), transformer.forward(ids), golden::tolerance(dtype));
    QVERIFY2(wrong.empty(), wrong.c_str());
    QCOMPARE(copier.fired, 5 * transformer.config.n_layers);
}

// A derivative comes back to every site that the composition has; along a random direction at the embedding it is the slope of finite
// differences.
void TestArchitectures::gradients() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    if (dtype != at::kDouble) return;
    struct Shift : SiteHandler {
        Tensor by;
        bool wants(SiteRef ref) const override { return ref.site == Site::embed; }
        Tensor see(SiteRef, Tensor x) override { return x + by; }
    } shift;
    Transformer transformer = golden::load(place_of(model.toStdString()), dtype);
    Tensor ids = ids_tensor(ids_of(model.toStdString(), "long")), slope;
    auto metric = [&](const Tap& tap) { return transformer.forward(ids, tap).select(1, -1).pow(2).sum(); };
    // Copies of the stream take the place of what is read otherwise: runs of their own.
    std::vector<std::vector<SiteRef>> runs(3);
    for (SiteRef ref : all_sites(transformer.config))
        runs[ref.site == Site::attn_in ? 2 : ref.site >= Site::q_input && ref.site <= Site::v_input ? 1 : 0].push_back(ref);
    for (const auto& sites : runs) {
        if (sites.empty()) continue;
        c10::AutoGradMode grad(true);
        Recorder recorder(sites, true);
        metric(Tap(recorder)).backward();
        for (SiteRef ref : sites) {
            Tensor gradient = recorder.gradient(ref);
            QVERIFY2(gradient.isfinite().all().item<bool>() && gradient.abs().max().item<double>() > 0, hook_name(ref).c_str());
        }
        if (wants_embed(sites)) slope = recorder.gradient({Site::embed, -1});
    }
    Tensor direction = at::randn(slope.sizes(), at::detail::createCPUGenerator(5), slope.options());
    double step = 1e-5, ends[2];
    for (int i = 0; i < 2; ++i) {
        shift.by = direction * (i ? step : -step);
        ends[i] = metric(Tap(shift)).item<double>();
    }
    double expected = (ends[1] - ends[0]) / (2 * step), got = (slope * direction).sum().item<double>();
    QVERIFY2(std::abs(got - expected) <= 1e-6 * (1 + std::abs(expected)),
             (std::to_string(got) + " for " + std::to_string(expected)).c_str());
}

// A prompt's logits do not depend on what follows it.
void TestArchitectures::padding_behind_changes_nothing() {
    QFETCH(QString, model);
    QFETCH(at::ScalarType, dtype);
    Transformer transformer = golden::load(place_of(model.toStdString()), dtype);
    const Rotary& rotary = transformer.config.rotary;
    golden::Rows rows = ids_of(model.toStdString(), "short");
    Tensor expected = transformer.forward(ids_tensor(rows));
    for (auto& row : rows) row.resize(angles_differ(rotary, 8, 12) ? 10 : 12, 0);
    std::string wrong = golden::difference(transformer.forward(ids_tensor(rows)).narrow(1, 0, 8), expected, golden::tolerance(dtype));
    QVERIFY2(wrong.empty(), wrong.c_str());
}

QTEST_GUILESS_MAIN(TestArchitectures)
#include "test_architectures.moc"
