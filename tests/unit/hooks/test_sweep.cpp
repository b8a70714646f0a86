// The wavefront sweep equals the plain loop: any site, kind of cell and composition of the model; what a patch can't reach is exactly the
// baseline.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "core/base/error.h"
#include "hooks/edits.h"
#include "hooks/recorder.h"
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
            if (std::abs(a - b) <= tolerance * scale || (std::isnan(a) && std::isnan(b))) continue;
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

    // Windows of layers and positions, several sites, scores beside other sites: slices that are put in together.
    void several_slices_data() { every_site_data(); }
    void several_slices() {
        QFETCH(int, composition);
        Transformer model = random_model(compositions()[static_cast<std::size_t>(composition)], at::kDouble);
        PatchSweep sweep = pairs_of_length(length);
        sweep.places.emplace_back(sweep.pairs.size(), std::vector<std::int64_t>{3, 4, 5});
        auto n = static_cast<std::uint64_t>(model.config.n_layers);
        auto sites = all_sites(model.config);
        std::mt19937_64 random(3);
        for (int i = 0; i < 80; ++i) {
            PatchCell cell;
            for (std::uint64_t k = 0; k < 2 + random() % 3; ++k) {
                SiteRef ref = sites[random() % sites.size()];
                if (ref.layer >= 0 && random() % 3 == 0) ref = {random() % 2 ? Site::pattern : Site::z, static_cast<int>(random() % n)};
                cell.push_back({ref, static_cast<int>(random() % sweep.places.size()), has_heads(ref.site) && random() % 2 ? 0 : -1});
            }
            sweep.cells.push_back(cell);
        }
        std::string wrong = compare(sweep, model, 1e-9);
        QVERIFY2(wrong.empty(), wrong.c_str());
    }

    void what_is_put_in_data() {
        QTest::addColumn<int>("replace");
        QTest::addColumn<bool>("aligned");
        QTest::newRow("zero") << static_cast<int>(PatchValue::zero) << true;
        QTest::newRow("mean by position") << static_cast<int>(PatchValue::mean) << true;
        QTest::newRow("mean over tokens") << static_cast<int>(PatchValue::mean) << false;
        QTest::newRow("resample") << static_cast<int>(PatchValue::resample) << false;
    }
    void what_is_put_in() {
        QFETCH(int, replace);
        QFETCH(bool, aligned);
        Transformer model = random_model(compositions()[3], at::kDouble);
        PatchSweep sweep = pairs_of_length(length);
        sweep.replace = static_cast<PatchValue>(replace);
        for (std::int64_t i = 0; i < 4; ++i) {
            sweep.reference.emplace_back();
            for (std::int64_t p = 0; p < length + (aligned ? 0 : i % 2); ++p) sweep.reference.back().push_back((5 * p + 13 * i + 2) % 30);
        }
        for (SiteRef ref : all_sites(model.config))
            if (replace != static_cast<int>(PatchValue::mean) || aligned || !is_score(ref.site)) add_cells(sweep, model.config, ref);
        std::string wrong = compare(sweep, model, 1e-9);
        QVERIFY2(wrong.empty(), wrong.c_str());
        // By hand: one site's whole activation.
        Progress progress;
        SiteRef ref{Site::mlp_out, 1};
        sweep.cells = {{PatchSlice{ref}}};
        PatchOutcome outcome = patch_sweep(model, sweep, progress);
        struct Hand : SiteHandler {
            SiteRef ref;
            Tensor put;
            bool wants(SiteRef r) const override { return r == ref; }
            Tensor see(SiteRef, Tensor x) override { return put.expand_as(x); }
        } hand;
        hand.ref = ref;
        std::vector<Tensor> seen;
        for (const auto& prompt : sweep.reference) {
            Recorder recorder({ref});
            model.residual(ids_tensor({prompt}), Tap(recorder));
            seen.push_back(recorder.at(ref)[0]);
        }
        if (sweep.replace == PatchValue::zero) hand.put = at::zeros({1}, at::kDouble);
        if (sweep.replace == PatchValue::mean) hand.put = aligned ? at::stack(seen).mean(0) : at::cat(seen).mean(0);
        for (std::size_t pair = 0; pair < sweep.pairs.size(); ++pair) {
            auto by_hand = [&] {
                Tensor logits = last_logits(model, ids_tensor({sweep.pairs[pair].base}), &hand);
                return measure(sweep.metric, logits, {&sweep.pairs[pair].question})[0];
            };
            if (sweep.replace != PatchValue::resample) {
                QVERIFY(std::abs(by_hand() - outcome.values[0][pair]) < 1e-9);
                continue;
            }
            bool one_of_them = false;
            for (const Tensor& x : seen)
                if (x.size(0) == length) hand.put = x, one_of_them = one_of_them || std::abs(by_hand() - outcome.values[0][pair]) < 1e-9;
            QVERIFY(one_of_them);
        }
    }

    void metrics_data() {
        QTest::addColumn<QString>("metric");
        for (const std::string& name : metric_names()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
        for (const char* expression : {"logit([answer, 7], 3) - 2 * logit(foil)", "mean(logprob(answer, all)) + logit(all, 0)",
                                       "logsumexp()", "mean(logit(answer, role:R)) / 3", "kl(2) - logit(5, -2)"})
            QTest::newRow(expression) << QString(expression);
    }
    void metrics() {
        QFETCH(QString, metric);
        const auto& names = metric_names();
        bool built_in = std::find(names.begin(), names.end(), metric.toStdString()) != names.end();
        for (int composition : {0, 6}) {
            Transformer model = random_model(compositions()[static_cast<std::size_t>(composition)], at::kDouble);
            PatchSweep sweep = pairs_of_length(length);
            for (std::size_t i = 0; i < sweep.pairs.size(); ++i) {
                auto p = static_cast<std::int64_t>(i);
                sweep.pairs[i].question.roles["R"] = i % 2 ? std::vector<std::int64_t>{p} : std::vector<std::int64_t>{p, p + 2};
            }
            sweep.metric = built_in ? parse_metric(metric.toStdString()) : metric_of(metric.toStdString(), "metric");
            for (Site site : {Site::resid_pre, Site::q, Site::z, Site::pattern, Site::mlp_out, Site::resid_post})
                for (int l = 0; l < model.config.n_layers; ++l) add_cells(sweep, model.config, {site, l});
            add_cells(sweep, model.config, {Site::unembed_out, -1});
            for (bool source_is_clean : {true, false}) {
                sweep.source_is_clean = source_is_clean;
                std::string wrong = compare(sweep, model, 1e-9);
                QVERIFY2(wrong.empty(), wrong.c_str());
            }
        }
    }

    void unequal_lengths_and_small_batches() {
        Transformer model = random_model(compositions()[3], at::kDouble);
        for (std::int64_t batch : {1, 7, 30, 4096}) {
            PatchSweep sweep;
            for (int n : {5, 9, 5, 1, 7, 9, 9}) add_pair(sweep, n, {n / 2});
            sweep.batch_tokens = batch;
            sweep.places.emplace_back();
            for (const PatchPair& pair : sweep.pairs) sweep.places[0].push_back({static_cast<std::int64_t>(pair.base.size()) / 2});
            for (Site site : {Site::resid_pre, Site::k, Site::z, Site::mlp_post})
                for (int l = 0; l < 3; ++l)
                    sweep.cells.push_back({PatchSlice{{site, l}, 0}}), sweep.cells.push_back({PatchSlice{{site, l}}});
            std::string wrong = compare(sweep, model, 1e-9);
            QVERIFY2(wrong.empty(), wrong.c_str());
        }
    }

    // Error against the loop in float64 at most four times that of the loop in the same type; and the same bits twice.
    void rounding_data() { every_site_data(); }
    void rounding() {
        QFETCH(int, composition);
        for (auto dtype : {at::kFloat, at::kBFloat16}) {
            Transformer model = random_model(compositions()[static_cast<std::size_t>(composition)], dtype);
            Transformer exact = convert(model, at::kDouble, at::kCPU);
            PatchSweep sweep = pairs_of_length(length);
            for (SiteRef ref : all_sites(model.config)) add_cells(sweep, model.config, ref);
            Progress progress;
            PatchOutcome truth = patch_loop(exact, sweep, progress), loop = patch_loop(model, sweep, progress),
                         wave = patch_sweep(model, sweep, progress), again = patch_sweep(model, sweep, progress);
            QVERIFY(wave.values == again.values);
            double loop_error = 0, error = 0, scale = 1;
            for (std::size_t cell = 0; cell < sweep.cells.size(); ++cell)
                for (std::size_t pair = 0; pair < sweep.pairs.size(); ++pair) {
                    scale = std::max(scale, std::abs(truth.values[cell][pair]));
                    loop_error = std::max(loop_error, std::abs(loop.values[cell][pair] - truth.values[cell][pair]));
                    error = std::max(error, std::abs(wave.values[cell][pair] - truth.values[cell][pair]));
                }
            double floor = dtype == at::kFloat ? 1e-6 : 1e-2;
            QVERIFY2(error <= 4 * loop_error + floor * scale, qPrintable(QString("%1 against %2").arg(error).arg(loop_error)));
        }
    }

    void what_a_patch_cannot_reach_is_the_baseline() {
        Transformer model = random_model(compositions()[0], at::kFloat);
        PatchSweep sweep = pairs_of_length(length);
        for (Site site : {Site::z, Site::q, Site::mlp_out, Site::resid_post})
            for (int p = 0; p < length; ++p) sweep.cells.push_back({PatchSlice{{site, 2}, p}});
        Progress progress;
        PatchOutcome outcome = patch_sweep(model, sweep, progress);
        int moved = 0;
        for (std::size_t cell = 0; cell < sweep.cells.size(); ++cell)
            for (std::size_t pair = 0; pair < sweep.pairs.size(); ++pair) {
                bool at_the_end = sweep.cells[cell][0].place == length - 1;
                if (!at_the_end) QCOMPARE(outcome.values[cell][pair], outcome.base[pair]);
                moved += outcome.values[cell][pair] != outcome.base[pair];
            }
        QVERIFY(moved > 10);
    }

    void a_stop_keeps_what_is_finished() {
        Transformer model = random_model(compositions()[0], at::kFloat);
        PatchSweep sweep = pairs_of_length(length);
        for (int l = 0; l < 3; ++l) add_cells(sweep, model.config, {Site::resid_pre, l});
        Progress quiet;
        PatchOutcome whole = patch_sweep(model, sweep, quiet);
        sweep.batch_tokens = 40;
        std::stop_source stop;
        Progress progress(stop.get_token());
        std::set<std::size_t> finished;
        PatchOutcome outcome = patch_sweep(model, sweep, progress, [&](const PatchOutcome& so_far, const std::vector<std::size_t>& cells) {
            for (std::size_t cell : cells) {
                QVERIFY(finished.insert(cell).second && !so_far.values[cell].empty());
            }
            if (finished.size() >= 10) stop.request_stop();
        });
        QVERIFY(finished.size() >= 10 && finished.size() < sweep.cells.size());
        for (std::size_t i = 0; i < sweep.cells.size(); ++i) {
            QCOMPARE(outcome.values[i].empty(), finished.count(i) == 0);
            for (std::size_t pair = 0; pair < outcome.values[i].size(); ++pair)
                QVERIFY(std::abs(outcome.values[i][pair] - whole.values[i][pair]) < 1e-4);
        }
    }

    void work_is_not_done_twice() {
        Transformer model = random_model(compositions()[0], at::kDouble);
        PatchSweep sweep;
        add_pair(sweep, length, {length - 1});
        for (int p = 0; p < length; ++p) sweep.places.push_back({{p}});
        for (int l = 0; l < 3; ++l)
            for (int p = 0; p < length; ++p) sweep.cells.push_back({PatchSlice{{Site::resid_pre, l}, p}});
        Progress progress;
        QCOMPARE(patch_sweep(model, sweep, progress).forward_rows, 2 + 3);
    }

    void mistakes_are_named() {
        Transformer model = random_model(compositions()[0], at::kDouble);
        PatchSweep sweep = pairs_of_length(length);
        sweep.cells.push_back({PatchSlice{{Site::resid_pre, 0}}});
        Progress progress;
        sweep.replace = PatchValue::mean;
        QVERIFY_THROWS_EXCEPTION(Error, patch_sweep(model, sweep, progress));
        sweep.replace = PatchValue::resample;
        sweep.reference = {{1, 2, 3}};
        QVERIFY_THROWS_EXCEPTION(Error, patch_sweep(model, sweep, progress));
        sweep.replace = PatchValue::source;
        Edits edits({{"zero", EditKind::zero, {Site::z, 1}}}, model);
        sweep.always = &edits;
        QVERIFY_THROWS_EXCEPTION(Error, patch_sweep(model, sweep, progress));
        sweep.always = nullptr;
        sweep.pairs[1].question.answers = {77};
        QVERIFY_THROWS_EXCEPTION(Error, patch_sweep(model, sweep, progress));
        QVERIFY(sweep_bytes(model, sweep) > 0);
    }
};

QTEST_GUILESS_MAIN(TestSweep)
#include "test_sweep.moc"
