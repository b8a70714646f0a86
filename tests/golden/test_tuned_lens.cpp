// The tuned lens: gradients by finite differences, the identity, a best map known in closed form, files that are refused, trained ones.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <cmath>

#include "analyses/lens.h"
#include "analyses/lens_texts.h"
#include "analyses/lens_training.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/train/adamw.h"
#include "core/train/lens_trainer.h"
#include "golden.h"

using namespace microtome;
namespace fs = std::filesystem;

namespace {

const TokenRows texts{{3, 17, 5, 9, 2, 11, 7}, {1, 4}, {8, 8, 2, 19, 6}, {12}};

Tensor random(at::IntArrayRef shape, double scale, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return at::empty(shape, at::kDouble).normal_(0, scale, generator);
}

TunedLens random_lens(const Transformer& model, Site site = Site::resid_pre) {
    TunedLens lens = identity_lens(model, site);
    std::uint64_t seed = 1;
    for (auto& [name, tensor] : lens.parameters()) tensor->copy_(random(tensor->sizes(), 0.1, ++seed));
    return lens;
}

std::unique_ptr<Session> open(const fs::path& folder, const char* dtype = "float64", const char* processing = "raw") {
    ModelOptions options;
    options.model = folder.string();
    options.dtype = dtype, options.device = "cpu", options.threads = 1, options.processing = processing;
    return Session::open(options);
}

const fs::path tinyworld = fs::path(MICROTOME_SOURCE_DIR) / "resources/models/tinyworld";

Result read_through(Session& session, Json params) {
    params["prompts"] = Json::array({{{"clean_ids", texts[0]}, {"corrupt_ids", texts[0]}, {"answer_id", 13}, {"foil_id", 6}}});
    RunProgress progress;
    return run_analysis(session, {"logit-lens", std::move(params), {}, 0, {}, {}}, progress).result;
}

const std::vector<double>& values(const Result& result, const char* view) {
    return std::get<Grid>(result.find(view)->view).values;
}

void models(std::initializer_list<const char*> names) {
    QTest::addColumn<QString>("model");
    for (const char* name : names) QTest::newRow(name) << name;
}

// Stops after so many steps.
class StopAfter : public Progress {
  public:
    explicit StopAfter(int steps, std::stop_source source = {}) : Progress(source.get_token()), steps_(steps), source_(std::move(source)) {}
    void step(std::int64_t done, std::int64_t, std::string_view) override {
        if (done == steps_) source_.request_stop();
    }

  private:
    std::int64_t steps_;
    std::stop_source source_;
};

// Each layer reads its own token alone (a window of one) and there is neither norm nor MLP: layer l is x -> x (I + W_V W_O) + b_V W_O +
// b_O.
Transformer linear_model() {
    ModelConfig c;
    c.n_layers = 3, c.n_heads = c.n_kv_heads = 1, c.d_model = c.d_head = 4, c.d_vocab = 12, c.n_ctx = 16;
    c.norm = Norm::none, c.final_norm = false, c.positions = Positions::none, c.mlp = MlpKind::none;
    c.windows = {1, 1, 1};
    Transformer model = make_transformer(c, at::kDouble);
    std::uint64_t seed = 100;
    for (auto& [name, tensor] : model.parameters()) tensor->copy_(random(tensor->sizes(), name.starts_with("blocks") ? 0.4 : 1.0, ++seed));
    return model;
}

}  // namespace

class TestTunedLens : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    fs::path path(const char* name) const { return folder_.filePath(name).toStdString(); }

    void refused(const fs::path& file, const Session& session, const char* said) {
        try {
            open_lens(session, file.string());
            QFAIL("no error");
        } catch (const Error& e) {
            QVERIFY2(QString(e.what()).contains(said), e.what());
            QVERIFY2(!QString(e.what()).contains('\n'), e.what());
        }
    }

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void gradients_are_those_of_finite_differences_data() { models({"gpt2", "llama", "architectures/gemma2", "architectures/gptj"}); }
    void gradients_are_those_of_finite_differences() {
        QFETCH(QString, model);
        const Transformer own = golden::load(model.toStdString(), at::kDouble);
        TunedLens lens = random_lens(own);
        const LensStreams streams = lens_streams(own, texts, lens.site);
        QCOMPARE(streams.last.size(0), std::int64_t{15});
        for (auto& [name, tensor] : lens.parameters()) tensor->set_requires_grad(true);
        lens_kl(own, lens, streams, true);
        c10::AutoGradMode without_gradients(false);
        std::size_t i = 0;
        for (auto& [name, tensor] : lens.parameters()) {
            const auto layer = i++ / 2;
            const Tensor flat = tensor->view({-1}), gradient = tensor->grad().view({-1});
            for (std::int64_t at : {std::int64_t{0}, flat.size(0) / 3, flat.size(0) - 1}) {
                constexpr double h = 1e-5;
                const double before = flat[at].item<double>();
                double moved[2];
                for (int side : {0, 1}) {
                    flat[at].fill_(before + (side ? h : -h));
                    moved[side] = lens_kl(own, lens, streams, false)[layer];
                }
                flat[at].fill_(before);
                const double expected = (moved[1] - moved[0]) / (2 * h), got = gradient[at].item<double>();
                QVERIFY2(std::abs(got - expected) <= 1e-7 * (1 + std::abs(expected)),
                         qPrintable(QString("%1: %2, expected %3").arg(name.c_str()).arg(got).arg(expected)));
            }
        }
    }

    // Written out again: each text alone, softmax and sums in plain loops.
    void kl_is_that_of_a_plain_loop_data() { models({"gpt2", "llama", "architectures/gemma2"}); }
    void kl_is_that_of_a_plain_loop() {
        QFETCH(QString, model);
        const Transformer own = golden::load(model.toStdString(), at::kDouble);
        const TunedLens lens = random_lens(own);
        const auto layers = static_cast<std::size_t>(own.config.n_layers);
        std::vector<double> expected(layers, 0.0);
        for (const auto& text : texts) {
            const golden::Recording run = golden::record(own, {text});
            for (std::size_t l = 0; l < layers; ++l) {
                Tensor x;
                for (const auto& [ref, value] : run.sites)
                    if (ref == SiteRef{Site::resid_pre, static_cast<int>(l)}) x = value[0];
                const Tensor y = x + at::matmul(lens.maps[l].weight, x.t()).t() + lens.maps[l].bias;
                const Tensor logits = own.logits(y.unsqueeze(0))[0];
                for (std::int64_t p = 0; p < y.size(0); ++p) {
                    double zp = 0, zq = 0, kl = 0;
                    for (std::int64_t v = 0; v < own.config.d_vocab; ++v)
                        zp += std::exp(run.logits[0][p][v].item<double>()), zq += std::exp(logits[p][v].item<double>());
                    for (std::int64_t v = 0; v < own.config.d_vocab; ++v) {
                        const double lp = run.logits[0][p][v].item<double>() - std::log(zp),
                                     lq = logits[p][v].item<double>() - std::log(zq);
                        kl += std::exp(lp) * (lp - lq);
                    }
                    expected[l] += kl / 15;
                }
            }
        }
        RunProgress progress;
        for (std::int64_t batch : {2, 12, 1000}) {
            const std::vector<double> got = lens_kl(own, lens, texts, batch, progress);
            for (std::size_t l = 0; l < layers; ++l)
                QVERIFY2(std::abs(got[l] - expected[l]) < 1e-10, qPrintable(QString::number(got[l] - expected[l])));
        }
    }

    void identity_is_the_logit_lens_bit_for_bit_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("dtype");
        for (const char* model : {"gpt2", "llama", "architectures/gemma2"})
            for (const char* dtype : {"float64", "float32", "bfloat16"}) QTest::addRow("%s %s", model, dtype) << model << dtype;
    }
    void identity_is_the_logit_lens_bit_for_bit() {
        QFETCH(QString, model);
        QFETCH(QString, dtype);
        auto session = open(golden::folder(model.toStdString()), qPrintable(dtype));
        const Transformer own = golden::load(model.toStdString(), at::kFloat);
        for (Site site : {Site::resid_pre, Site::resid_mid}) save_lens(path(info(site).name), identity_lens(own, site), owner_of(*session));
        for (const char* at : {"pre", "mid", "post"}) {
            const Result without = read_through(*session, {{"at", at}});
            const fs::path file = path(std::string(at) == "mid" ? "resid_mid" : "resid_pre");
            const Result with = read_through(*session, {{"at", at}, {"lens", file.string()}});
            for (const char* view : {"top", "probability", "rank", "difference", "entropy", "kl"})
                QCOMPARE(values(with, view), values(without, view));
        }
    }

    // The map of what enters layer l+1 reads what leaves layer l.
    void a_lens_reads_before_and_after_layers() {
        auto session = open(golden::folder("gpt2"));
        const Transformer own = golden::load("gpt2", at::kDouble);
        const TunedLens lens = random_lens(own);
        save_lens(path("random"), lens, owner_of(*session));
        const Result pre = read_through(*session, {{"at", "pre"}, {"lens", path("random").string()}}),
                     post = read_through(*session, {{"at", "post"}, {"lens", path("random").string()}});
        const golden::Recording run = golden::record(own, {texts[0]});
        const std::size_t n = texts[0].size(), layers = lens.maps.size();
        for (const auto& [ref, x] : run.sites) {
            if (ref.site != Site::resid_pre) continue;
            const auto l = static_cast<std::size_t>(ref.layer);
            const Tensor prob = at::softmax(own.logits((x + at::matmul(x, lens.maps[l].weight.t()) + lens.maps[l].bias))[0], -1);
            for (std::size_t p = 0; p < n; ++p) {
                const double expected = prob[static_cast<std::int64_t>(p)][13].item<double>();
                QVERIFY(std::abs(values(pre, "probability")[l * n + p] - expected) < 1e-12);
                if (l > 0) QVERIFY(std::abs(values(post, "probability")[(l - 1) * n + p] - expected) < 1e-12);
            }
        }
        for (std::size_t p = 0; p < n; ++p) QVERIFY(values(post, "kl")[(layers - 1) * n + p] == 0);  // the model itself
        for (const auto& [name, value, said] : {std::tuple("at", "mid", "pre or post"), std::tuple("norm", "cached", "final")}) {
            Json params = {{"lens", path("random").string()}};
            params[name] = value;
            try {
                read_through(*session, params);
                QFAIL(name);
            } catch (const Error& e) {
                QVERIFY2(QString(e.what()).contains(said), e.what());
            }
        }
    }

    void the_best_map_is_found() {
        const Transformer model = linear_model();
        TokenRows words;
        for (std::int64_t id = 0; id < model.config.d_vocab; ++id) words.push_back({id, (id * 5 + 1) % 12});
        LensPlan plan;
        plan.steps = 600, plan.batch_tokens = 24, plan.learning_rate = 0.05, plan.weight_decay = 0;
        Progress progress;
        const LensTraining training = train_lens(model, identity_lens(model, Site::resid_pre), words, plan, "toy", {}, progress);
        Tensor along = at::eye(4, at::kDouble), shift = at::zeros({4}, at::kDouble);  // from layer l to the end: x along + shift
        for (std::size_t l = 3; l-- > 0;) {
            const Attention& a = model.blocks[l].attn;
            shift = at::matmul(at::matmul(a.v.bias, a.o.weight) + a.o.bias, along) + shift;
            along = at::matmul(at::eye(4, at::kDouble) + at::matmul(a.v.weight, a.o.weight), along);
            const double off = (training.lens.maps[l].weight.t() + at::eye(4, at::kDouble) - along).abs().max().item<double>(),
                         off_b = (training.lens.maps[l].bias - shift).abs().max().item<double>();
            QVERIFY2(off < 1e-3 && off_b < 1e-3, qPrintable(QString("layer %1: %2 %3").arg(l).arg(off).arg(off_b)));
            QVERIFY(training.losses.front().kl[l] > 0.1);
            QVERIFY(training.losses.back().kl[l] < 1e-6);
        }
    }

    // Loshchilov & Hutter 2019, algorithm 2, written out.
    void steps_are_those_of_adamw() {
        Tensor w = random({3, 2}, 1, 5), b = random({2}, 1, 6);
        std::vector<TrainedWeight> weights{{"w", w.clone()}, {"b", b.clone()}};
        AdamW adamw;
        adamw.weight_decay = 0.1;
        for (Tensor* x : {&w, &b}) {
            const bool decays = x->dim() == 2;
            TrainedWeight& trained = weights[decays ? 0 : 1];
            Tensor m = at::zeros_like(*x), v = at::zeros_like(*x);
            for (int t = 1; t <= 3; ++t) {
                const Tensor g = random(x->sizes(), 1, static_cast<std::uint64_t>(10 * t));
                m = 0.9 * m + 0.1 * g, v = 0.98 * v + 0.02 * g * g;
                const Tensor mean = m / (1 - std::pow(0.9, t)), square = v / (1 - std::pow(0.98, t));
                *x = *x - 0.01 * (mean / (square.sqrt() + 1e-8) + (decays ? 0.1 : 0.0) * *x);
                trained.weight.mutable_grad() = g.clone();
                adamw.step({trained}, t, 0.01);
            }
            QVERIFY2(at::allclose(trained.weight, *x, 1e-6, 1e-7), decays ? "matrix" : "vector");
        }
    }

    void a_stopped_training_goes_on_to_the_same_bits() {
        const Transformer model = golden::load("gpt2", at::kFloat);
        LensPlan plan;
        plan.steps = 30, plan.batch_tokens = 8, plan.checkpoint_seconds = 0;
        auto run = [&](const fs::path& file, Progress& progress) {
            return train_lens(model, identity_lens(model, Site::resid_pre), texts, plan, "x", file, progress);
        };
        Progress progress;
        const LensTraining whole = run({}, progress);
        for (int stop : {7, 20}) {
            StopAfter stopping(stop);
            QCOMPARE(run(path("checkpoint"), stopping).steps_done, stop);
        }
        LensTraining again = run(path("checkpoint"), progress);
        for (std::size_t l = 0; l < whole.lens.maps.size(); ++l) {
            QVERIFY(at::equal(again.lens.maps[l].weight, whole.lens.maps[l].weight));
            QVERIFY(at::equal(again.lens.maps[l].bias, whole.lens.maps[l].bias));
        }
        QCOMPARE(again.losses.size(), std::size_t{30});
        for (std::size_t i = 0; i < 30; ++i) {
            QCOMPARE(again.losses[i].kl, whole.losses[i].kl);
            QCOMPARE(again.losses[i].learning_rate, whole.losses[i].learning_rate);
        }
        // Of another training, and damaged.
        QVERIFY_EXCEPTION_THROWN(train_lens(model, identity_lens(model, Site::resid_pre), texts, plan, "y", path("checkpoint"), progress),
                                 Error);
        fs::resize_file(path("checkpoint"), fs::file_size(path("checkpoint")) - 4);
        QVERIFY_EXCEPTION_THROWN(run(path("checkpoint"), progress), Error);
    }

    void batches_go_through_all_texts() {
        TextBatches batches(texts, 10, 3);
        std::vector<TokenRows> rounds;
        for (int round = 0; round < 3; ++round) {
            TokenRows seen;
            while (seen.size() < texts.size()) {
                const TokenRows batch = batches.next();
                std::size_t longest = 0;
                for (const auto& text : batch) longest = std::max(longest, text.size());
                QVERIFY(batch.size() == 1 || longest * batch.size() <= 10);
                seen.insert(seen.end(), batch.begin(), batch.end());
            }
            rounds.push_back(seen);
            TokenRows sorted = seen, all = texts;
            std::sort(sorted.begin(), sorted.end());
            std::sort(all.begin(), all.end());
            QCOMPARE(sorted, all);
        }
        QVERIFY(rounds[0] != rounds[1] || rounds[1] != rounds[2]);
    }

    void equal_prompts_stay_on_one_side() {
        auto session = open(golden::folder("gpt2"));
        LensRequest request;
        for (int round = 0; round < 3; ++round)
            for (std::int64_t i = 0; i < 20; ++i) {
                request.prompts.emplace_back();
                request.prompts.back().ids = {i, (7 * i) % 20};
            }
        request.held_out = 0.24;
        const LensTexts split = lens_texts(*session, request);
        QCOMPARE(split.held_out.size(), std::size_t{15});  // the fifth of 20 begun, three times each
        QCOMPARE(split.training.size(), std::size_t{45});
        for (const auto& text : split.held_out)
            QVERIFY(std::find(split.training.begin(), split.training.end(), text) == split.training.end());
        std::reverse(request.prompts.begin(), request.prompts.end());
        TokenRows again = lens_texts(*session, request).held_out, sorted = split.held_out;
        std::sort(again.begin(), again.end());
        std::sort(sorted.begin(), sorted.end());
        QCOMPARE(again, sorted);
        request.prompts.resize(1);
        QVERIFY_EXCEPTION_THROWN(lens_texts(*session, request), Error);
    }

    void long_texts_are_cut() {
        auto session = open(golden::folder("gpt2"));
        LensRequest request;
        for (std::int64_t i = 0; i < 2; ++i) {
            request.prompts.emplace_back();
            for (std::int64_t p = 0; p < 11; ++p) request.prompts.back().ids.push_back((i + p) % 20);
        }
        request.length = 4;
        const LensTexts split = lens_texts(*session, request);
        for (const TokenRows* side : {&split.training, &split.held_out}) {
            QCOMPARE(side->size(), std::size_t{3});
            std::vector<std::int64_t> whole;
            for (const auto& piece : *side) {
                QVERIFY(piece.size() <= 4);
                whole.insert(whole.end(), piece.begin(), piece.end());
            }
            QVERIFY(whole == request.prompts[0].ids || whole == request.prompts[1].ids);
        }
    }

    void files_of_others_are_refused() {
        auto session = open(golden::folder("gpt2"));
        const Transformer own = golden::load("gpt2", at::kDouble);
        const TunedLens lens = random_lens(own);
        const LensOwner owner = owner_of(*session);
        save_lens(path("good"), lens, owner);
        const TunedLens back = *open_lens(*session, path("good").string());
        for (std::size_t l = 0; l < lens.maps.size(); ++l) QVERIFY(at::equal(back.maps[l].weight, lens.maps[l].weight));
        QVERIFY(!open_lens(*session, ""));
        refused(path("nowhere"), *session, "nowhere");

        save_lens(path("model"), lens, {"other", "0123", "raw"});
        refused(path("model"), *session, "a lens of this model");
        save_lens(path("processing"), lens, {owner.model, owner.model_sha256, "processed"});
        refused(path("processing"), *session, "a lens of this processing, \"raw\"");
        auto processed = open(golden::folder("gpt2"), "float64", "processed");
        refused(path("good"), *processed, "a lens of this processing, \"processed\"");

        TensorFile nothing;
        nothing.put("0.weight", at::zeros({2, 2}, at::kDouble));
        nothing.write(path("format"), {});
        refused(path("format"), *session, "a tuned lens");
        fs::copy_file(path("good"), path("short"));
        fs::resize_file(path("short"), fs::file_size(path("good")) / 2);
        refused(path("short"), *session, "short");

        TunedLens wrong = lens;
        wrong.maps[1].weight = at::zeros({3, 4}, at::kDouble);
        save_lens(path("shape"), wrong, owner);
        refused(path("shape"), *session, "1.weight: expected shape");
        wrong = lens;
        wrong.maps[0].bias = at::full_like(lens.maps[0].bias, std::nan(""));
        save_lens(path("nan"), wrong, owner);
        refused(path("nan"), *session, "finite");
        wrong = lens;
        wrong.maps.pop_back();
        save_lens(path("fewer"), wrong, owner);
        refused(path("fewer"), *session, ".weight");
        wrong = lens;
        wrong.maps.push_back(lens.maps[0]);
        save_lens(path("more"), wrong, owner);
        refused(path("more"), *session, "only tensors");
        wrong = lens;
        wrong.site = Site::resid_post;
        save_lens(path("site"), wrong, owner);
        refused(path("site"), *session, "resid_pre or resid_mid");
        // A parallel block has no stream between attention and MLP.
        const Transformer parallel = golden::load("architectures/gptj", at::kFloat);
        QVERIFY_EXCEPTION_THROWN(identity_lens(parallel, Site::resid_mid), Error);
    }

    void tinyworld_is_read_better_at_every_layer_data() {
        QTest::addColumn<QString>("at");
        QTest::newRow("before") << "pre";
        QTest::newRow("between") << "mid";
    }
    void tinyworld_is_read_better_at_every_layer() {
        QFETCH(QString, at);
        auto session = open(tinyworld, "float32");
        LensRequest request;
        for (const char* name : {"ioi", "facts", "truth"})
            for (Prompt& prompt : read_texts(tinyworld / "prompts" / (std::string(name) + ".jsonl")))
                request.prompts.push_back(std::move(prompt));
        request.out = path(qPrintable("tinyworld-" + at)), request.at = at.toStdString();
        request.steps = 40, request.batch_tokens = 512;
        Progress progress;
        const RunRecord record = train_lens(*session, request, progress);
        const Curve& held_out = std::get<Curve>(record.result.find("held_out")->view);
        QCOMPARE(held_out.x.size(), std::size_t{4});
        for (std::size_t l = 0; l < 4; ++l)
            QVERIFY2(held_out.series[1].y[l] < 0.9 * held_out.series[0].y[l],
                     qPrintable(QString("layer %1: %2, was %3").arg(l).arg(held_out.series[1].y[l]).arg(held_out.series[0].y[l])));
        QVERIFY(record.result.warnings.empty());
        // What was held out is read from the file as it was measured.
        const TunedLens lens = *open_lens(*session, request.out.string());
        QCOMPARE(info(lens.site).name, at == "pre" ? "resid_pre" : "resid_mid");
        QCOMPARE(record.manifest["lens_sha256"].get<std::string>(), sha256_file(request.out / "lens.safetensors"));
        // The same again: nothing is trained twice, and other options are another training.
        const std::string before = read_file(request.out / "lens.safetensors");
        train_lens(*session, request, progress);
        QVERIFY(before == read_file(request.out / "lens.safetensors"));
        request.learning_rate = 1e-4;
        QVERIFY_EXCEPTION_THROWN(train_lens(*session, request, progress), Error);
    }
};

QTEST_GUILESS_MAIN(TestTunedLens)
#include "test_tuned_lens.moc"
