// Continuations through the key/value cache: against generate() of transformers, and against running the whole text at each step.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "analyses/generation.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/generate.h"
#include "golden.h"
#include "hooks/recorder.h"
#include "hooks/store/h5.h"

using namespace microtome;
using Ids = std::vector<std::int64_t>;

namespace {

std::unique_ptr<Session> open(const QString& model, const char* dtype) {
    ModelOptions options;
    options.model = golden::folder(model.toStdString()).string();
    options.dtype = dtype;
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

void intervene(Session& session, const std::vector<std::string>& texts, const std::vector<Prompt>& prompts) {
    std::vector<Intervention> list;
    for (const auto& text : texts) list.push_back(intervention_from_text(text, "i" + std::to_string(list.size()), "test"));
    session.set_interventions(list, named_prompts(prompts));
}

}  // namespace

class TestGeneration : public QObject {
    Q_OBJECT

    void all_models() {
        QTest::addColumn<QString>("model");
        for (const std::string& model : golden::models()) QTest::newRow(model.c_str()) << QString::fromStdString(model);
    }

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void greedy_data();
    void greedy();
    void cached_equals_whole_data() { all_models(); }
    void cached_equals_whole();
    void interventions_data() { all_models(); }
    void interventions();
    void captured_equals_one_pass_data() { all_models(); }
    void captured_equals_one_pass();
    void draws_follow_the_probabilities_data();
    void draws_follow_the_probabilities();
    void distributions();
    void the_context_ends_a_text();
    void mistakes();
};

void TestGeneration::greedy_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "gpt2-untied", "llama", "llama-tied"}) QTest::newRow(model) << model;
}

void TestGeneration::greedy() {
    QFETCH(QString, model);
    Transformer transformer = golden::load(model.toStdString(), at::kFloat);
    Progress progress;
    for (const Json& row : read_json(golden::folder("") / "generation.json").at(model.toStdString())) {
        auto expected = row.at("continuation_ids").get<Ids>();
        GenerateOptions options;
        options.max_new_tokens = static_cast<int>(expected.size());
        QCOMPARE(generate(transformer, row.at("prompt_ids").get<Ids>(), options, progress).ids, expected);
    }
}

// Drawn texts of many seeds and settings.
void TestGeneration::cached_equals_whole() {
    QFETCH(QString, model);
    Transformer transformer = golden::load(model.toStdString(), at::kDouble);
    Ids prompt = golden::batch(model.toStdString())[0];
    Progress progress;
    std::set<Ids> texts;
    for (int seed = 0; seed < 12; ++seed) {
        GenerateOptions options;
        options.max_new_tokens = 12;
        options.temperature = 0.5 + 0.25 * (seed % 4);
        options.top_k = seed % 3 == 0 ? 0 : 5 * seed;
        options.top_p = seed % 2 == 0 ? 1 : 0.9;
        options.seed = seed;
        Generated cached = generate(transformer, prompt, options, progress), again = generate(transformer, prompt, options, progress);
        options.use_cache = false;
        QCOMPARE(cached.ids, generate(transformer, prompt, options, progress).ids);
        QCOMPARE(cached.ids, again.ids);
        QCOMPARE(cached.ids.size(), std::size_t(12));
        texts.insert(cached.ids);
    }
    QVERIFY(texts.size() > 3);
}

// Each type, at every step, through the cache and without; and each changes what is said.
void TestGeneration::interventions() {
    QFETCH(QString, model);
    auto session = open(model, "float64");
    auto batch = golden::batch(model.toStdString());
    Prompt first, second;
    first.ids = batch[0];
    second.ids = batch[1];
    Progress progress;
    GenerationRequest request;
    request.prompt = first;
    request.options.max_new_tokens = 10;
    request.options.temperature = 1;
    request.ignore_end = true;
    auto said = [&](const std::vector<std::string>& texts, bool cache) {
        intervene(*session, texts, {first, second});
        request.options.use_cache = cache;
        return generate_text(*session, request, progress).ids;
    };
    Ids plain = said({}, true);
    int changed = 0;
    const std::vector<std::vector<std::string>> sets{{"zero L0.z"},
                                                     {"zero L0.attn_out @last"},
                                                     {"scale L1.attn_out strength=-3"},
                                                     {"noise L0.resid_pre strength=2 seed=4"},
                                                     {"mean L0.attn_out"},
                                                     {"mean L0.attn_out source=position:1,2"},
                                                     {"patch L0.resid_post source=2"},
                                                     {"resample L0.z source=2"},
                                                     {"swap L0.resid_pre source=1|2 @3-6"},
                                                     {"add L1.resid_post source=1-2 strength=3"},
                                                     {"project_out L1.resid_post source=2"},
                                                     {"scale L0.resid_post strength=-1", "freeze L1.attn_out"},
                                                     {"scale L1.pattern strength=0.2"},
                                                     {"zero unembed_in @0", "scale unembed_in strength=-1"}};
    for (const auto& set : sets) {
        Ids cached = said(set, true);
        QVERIFY2(cached == said(set, false), set[0].c_str());
        changed += cached != plain;
    }
    QVERIFY2(changed >= 8, qPrintable(QString::number(changed)));
}

// What a step saw is what one pass over the whole text sees.
void TestGeneration::captured_equals_one_pass() {
    QFETCH(QString, model);
    auto session = open(model, "float64");
    QTemporaryDir folder;
    Progress progress;
    GenerationRequest request;
    request.prompt.ids = golden::batch(model.toStdString())[1];
    request.options.max_new_tokens = 9;
    request.options.temperature = 1;
    request.ignore_end = true;
    request.sites = {"*"};
    request.store = "float64";
    const std::string sets[] = {"", "scale L0.attn_out strength=2"};
    for (const std::string& text : sets) {
        request.out = (folder.filePath("acts.h5") + QString::number(text.size())).toStdString();
        intervene(*session, text.empty() ? std::vector<std::string>() : std::vector<std::string>{text}, {});
        Generation made = generate_text(*session, request, progress);
        Ids all = made.prompt_ids;
        all.insert(all.end(), made.ids.begin(), made.ids.end());
        QCOMPARE(all.size(), std::size_t(16));
        Edits edits = edits_for(*session, {{made.prompt_ids, {}}});
        const Transformer& transformer = session->impl().model;
        Recorder recorder(all_sites(transformer.config));
        Chain chain({edits.empty() ? nullptr : &edits, &recorder});
        Tap tap(chain);
        edits.enter({ids_tensor({all}), {0}});
        transformer.logits(transformer.residual(ids_tensor({all}), tap), tap);
        h5::File file(request.out);
        QCOMPARE(file.read<std::int32_t>("prompts/ids").values.size(), all.size());
        for (SiteRef ref : all_sites(transformer.config)) {
            auto stored = file.read<double>("activations/" + hook_name(ref)).values;
            Tensor one = recorder.at(ref)[0];
            if (std::string_view(info(ref.site).axes) == "hps") one = one.permute({1, 2, 0});
            std::string wrong = golden::difference(at::tensor(stored, at::kDouble), one.contiguous().view(-1), 1e-11);
            QVERIFY2(wrong.empty(), (hook_name(ref) + ": " + wrong).c_str());
        }
    }
}

void TestGeneration::draws_follow_the_probabilities_data() {
    QTest::addColumn<double>("temperature");
    QTest::addColumn<int>("top_k");
    QTest::addColumn<double>("top_p");
    QTest::newRow("plain") << 1.0 << 0 << 1.0;
    QTest::newRow("cool") << 0.6 << 0 << 1.0;
    QTest::newRow("top-k") << 1.0 << 4 << 1.0;
    QTest::newRow("top-p") << 1.3 << 0 << 0.7;
}

// χ² of the first token over many seeds, against its probabilities. The seeds are fixed: so is the outcome.
void TestGeneration::draws_follow_the_probabilities() {
    QFETCH(double, temperature);
    QFETCH(int, top_k);
    QFETCH(double, top_p);
    Transformer transformer = golden::load("gpt2", at::kDouble);
    Ids prompt = golden::batch("gpt2")[0];
    GenerateOptions options;
    options.max_new_tokens = 1;
    options.temperature = temperature;
    options.top_k = top_k;
    options.top_p = top_p;
    Tensor p = next_distribution(transformer.forward(ids_tensor({prompt})).select(1, -1).flatten(), options);
    constexpr int draws = 4000;
    std::vector<int> counts(static_cast<std::size_t>(p.numel()));
    Progress progress;
    for (int seed = 0; seed < draws; ++seed) {
        options.seed = seed;
        ++counts[static_cast<std::size_t>(generate(transformer, prompt, options, progress).ids.at(0))];
    }
    double chi = 0, rest = 0;
    int cells = 0, rest_count = 0;
    for (std::int64_t i = 0; i < p.numel(); ++i) {
        double expected = p[i].item<double>() * draws;
        int seen = counts[static_cast<std::size_t>(i)];
        if (expected == 0) QCOMPARE(seen, 0);
        if (expected < 10) {  // too few for the approximation: together
            rest += expected, rest_count += seen;
            continue;
        }
        chi += (seen - expected) * (seen - expected) / expected;
        ++cells;
    }
    if (rest > 5) chi += (rest_count - rest) * (rest_count - rest) / rest, ++cells;
    QVERIFY(cells >= 3);
    double freedom = cells - 1;
    QVERIFY2(chi < freedom + 3.5 * std::sqrt(2 * freedom) + 3, qPrintable(QString("chi2 %1 of %2").arg(chi).arg(freedom)));
}

void TestGeneration::distributions() {
    Tensor logits = at::tensor(std::vector<double>{0, 2, 1, 2, -1});
    GenerateOptions options;
    QCOMPARE(next_distribution(logits, options).argmax().item<std::int64_t>(), std::int64_t(1));  // ties to the lower id
    options.temperature = 2;
    QVERIFY(at::allclose(next_distribution(logits, options), at::softmax(logits / 2, 0)));
    options.top_k = 3;
    QVERIFY(next_distribution(logits, options)[0].item<double>() == 0 && next_distribution(logits, options)[2].item<double>() > 0);
    options.top_k = 0;
    options.top_p = 0.5;  // the first of the two best is not enough
    Tensor p = next_distribution(logits, options);
    QVERIFY(p[1].item<double>() == 0.5 && p[3].item<double>() == 0.5);
}

void TestGeneration::the_context_ends_a_text() {
    Transformer transformer = golden::load("gpt2", at::kFloat);
    Ids prompt = golden::batch("gpt2")[0];
    GenerateOptions options;
    options.max_new_tokens = 100;
    Progress progress;
    Generated made = generate(transformer, prompt, options, progress);
    QCOMPARE(made.ids.size() + prompt.size(), std::size_t(33));  // the last one is told, but would not fit
    QVERIFY(made.end == GenerateEnd::context);
    options.run_last = true;
    QCOMPARE(generate(transformer, prompt, options, progress).ids.size() + prompt.size(), std::size_t(32));
    options.max_new_tokens = 3;
    QVERIFY(generate(transformer, prompt, options, progress).end == GenerateEnd::length);
    int told = 0;
    made = generate(transformer, prompt, options, progress, [&](std::int64_t) { return ++told < 2; });
    QVERIFY(made.end == GenerateEnd::told && made.ids.size() == 2);
}

void TestGeneration::mistakes() {
    Transformer transformer = golden::load("gpt2", at::kFloat);
    Progress progress;
    auto refused = [&](auto change) {
        GenerateOptions options;
        change(options);
        try {
            generate(transformer, Ids(7, 1), options, progress);
        } catch (const Error&) {
            return true;
        }
        return false;
    };
    QVERIFY(refused([](GenerateOptions& o) { o.top_p = 0; }) && refused([](GenerateOptions& o) { o.temperature = -1; }));
    QVERIFY(refused([](GenerateOptions& o) { o.top_k = -1; }) && refused([](GenerateOptions& o) { o.max_new_tokens = -1; }));
    QVERIFY(!refused([](GenerateOptions&) {}));
    QVERIFY_THROWS_EXCEPTION(Error, generate(transformer, Ids(33, 1), {}, progress));
}

QTEST_GUILESS_MAIN(TestGeneration)
#include "test_generation.moc"
