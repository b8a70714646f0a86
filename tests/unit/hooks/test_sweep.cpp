// The wavefront sweep equals the plain loop: any site, kind of cell and composition of the model; what a patch can't reach is exactly the
// baseline.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <functional>

#include "core/base/error.h"
#include "hooks/sweep/patch_runs.h"
#include "hooks/sweep/sweep.h"

using namespace microtome;

namespace {

constexpr int length = 9;

struct Composition {
    const char* name;
    std::function<void(ModelConfig&)> change;
};

const std::vector<Composition>& compositions() {
    auto rotary = [](ModelConfig& c) {
        c.positions = Positions::rotary;
        c.rotary.dim = 4;
    };
    static const std::vector<Composition> all{
        {"plain", [](ModelConfig&) {}},
        {"attention only", [](ModelConfig& c) { c.mlp = MlpKind::none; }},
        {"one layer", [](ModelConfig& c) { c.n_layers = 1; }},
        {"rotary, grouped heads, gated", [=](ModelConfig& c) { rotary(c), c.n_kv_heads = 2, c.mlp = MlpKind::gated, c.norm = Norm::rms; }},
        {"parallel, shared norm", [=](ModelConfig& c) { rotary(c), c.parallel = c.shared_norm = true, c.rotary.interleaved = true; }},
        {"stretched",
         [=](ModelConfig& c) { rotary(c), c.rotary.kind = RotaryKind::dynamic, c.rotary.factor = 2, c.rotary.original_n_ctx = 6; }},
        {"windows, caps, norms everywhere", [=](ModelConfig& c) {
             rotary(c), c.n_kv_heads = 1, c.windows = {3, 0, 4}, c.score_cap = 2, c.logit_cap = 3, c.post_norms = c.qk_norm = true;
             c.norm = Norm::rms, c.norm_offset = 1, c.embed_scale = 2;
         }}};
    return all;
}

Transformer random_model(const Composition& composition, at::ScalarType dtype) {
    ModelConfig c;
    c.architecture = "test";
    c.n_layers = 3;
    c.n_heads = c.n_kv_heads = 4;
    c.d_model = 16;
    c.d_head = 6;
    c.d_mlp = 20;
    c.d_vocab = 30;
    c.n_ctx = 16;
    composition.change(c);
    Transformer model = make_transformer(c, at::kDouble);
    auto generator = at::detail::createCPUGenerator(5);
    for (auto& [name, tensor] : model.parameters())
        tensor->add_(at::normal(0.0, 0.3, tensor->sizes(), generator, at::TensorOptions().dtype(at::kDouble)));
    return convert(model, dtype, at::kCPU);
}

// Pairs that differ at one position, two, or everywhere.
void add_pair(PatchSweep& sweep, int n, std::vector<int> differ) {
    auto i = static_cast<std::int64_t>(sweep.pairs.size());
    std::vector<std::int64_t> base;
    for (int p = 0; p < n; ++p) base.push_back((3 * p + 7 * i) % 30);
    auto source = base;
    for (int p : differ) source[static_cast<std::size_t>(p)] = (source[static_cast<std::size_t>(p)] + 11 + i) % 30;
    sweep.pairs.push_back({base, source, {{(3 + i) % 30, 8}, {4, (9 + i) % 30}}});
}

PatchSweep pairs_of_length(int n) {
    PatchSweep sweep;
    add_pair(sweep, n, {0});
    add_pair(sweep, n, {n / 2});
    add_pair(sweep, n, {n - 1});
    std::vector<int> every;
    for (int p = 0; p < n; ++p) every.push_back(p);
    add_pair(sweep, n, every);
    add_pair(sweep, n, {2, n - 2});
    for (int p = 0; p < n; ++p) sweep.places.emplace_back(sweep.pairs.size(), std::vector<std::int64_t>{p});
    return sweep;
}

bool has_heads(Site site) {
    return std::string_view(info(site).axes).find_first_of("hk") != std::string_view::npos;
}

int heads_of(const ModelConfig& config, Site site) {
    return std::string_view(info(site).axes).find('k') != std::string_view::npos ? config.n_kv_heads : config.n_heads;
}

// Every position of the site, every second of them with single heads; the whole site.
void add_cells(PatchSweep& sweep, const ModelConfig& config, SiteRef ref) {
    sweep.cells.push_back({PatchSlice{ref}});
    for (int p = 0; p < static_cast<int>(sweep.places.size()); ++p) {
        sweep.cells.push_back({PatchSlice{ref, p}});
        if (!has_heads(ref.site) || p % 2 != 0) continue;
        for (int h = 0; h < heads_of(config, ref.site); ++h) sweep.cells.push_back({PatchSlice{ref, p, h}});
        if (is_score(ref.site)) sweep.cells.push_back({PatchSlice{ref, p, 1, p / 2}});
    }
    if (has_heads(ref.site)) sweep.cells.push_back({PatchSlice{ref, -1, heads_of(config, ref.site) - 1}});
}

std::string compare(const PatchSweep& sweep, const Transformer& model, double tolerance) {
    Progress progress;
    PatchOutcome loop = patch_loop(model, sweep, progress), wave = patch_sweep(model, sweep, progress);
    double scale = 1;
    for (double x : loop.base) scale = std::max(scale, std::abs(x));
    for (std::size_t cell = 0; cell < sweep.cells.size(); ++cell)
        for (std::size_t pair = 0; pair < sweep.pairs.size(); ++pair) {
            double a = loop.values[cell][pair], b = wave.values[cell][pair];
            if (std::abs(a - b) <= tolerance * scale) continue;
            const PatchSlice& s = sweep.cells[cell][0];
            return hook_name(s.ref) + " place " + std::to_string(s.place) + " head " + std::to_string(s.head) + " from " +
                   std::to_string(s.from) + ", pair " + std::to_string(pair) + ": " + std::to_string(a) + " and " + std::to_string(b) +
                   " (base " + std::to_string(loop.base[pair]) + ")";
        }
    return {};
}

}  // namespace

class TestSweep : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void every_site_data() {
        QTest::addColumn<int>("composition");
        for (std::size_t i = 0; i < compositions().size(); ++i) QTest::newRow(compositions()[i].name) << static_cast<int>(i);
    }
    void every_site() {
        QFETCH(int, composition);
        Transformer model = random_model(compositions()[static_cast<std::size_t>(composition)], at::kDouble);
        for (SiteRef ref : all_sites(model.config)) {
            PatchSweep sweep = pairs_of_length(length);
            add_cells(sweep, model.config, ref);
            std::string wrong = compare(sweep, model, 1e-9);
            QVERIFY2(wrong.empty(), wrong.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestSweep)
#include "test_sweep.moc"
