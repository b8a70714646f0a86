// Gradients in a store: kept apart from the activations of the same name, with what they are of; damaged and foreign files.
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "hooks/store/store_reader.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

namespace {

constexpr std::size_t prompts = 9;

StoreIdentity identity() {
    StoreIdentity out = sample::identity();
    out.metric = "logit_diff";
    out.metric_run = "corrupt";
    return out;
}

// The activations of the sample, and a gradient by each: their rows times −2.
std::vector<StoreSite> sites() {
    std::vector<StoreSite> out = sample::sites(h5::Type::float32);
    for (std::size_t i = 0, n = out.size(); i < n; ++i) {
        out.push_back(out[i]);
        out.back().gradient = true;
    }
    return out;
}

StorePrompt prompt(std::size_t i) {
    StorePrompt out = sample::prompt(i);
    out.question = R"({"answer":[)" + std::to_string(i) + "]}";
    out.metric = std::sin(double(i));
    return out;
}

std::vector<StorePrompt> asked(std::size_t first, std::size_t count) {
    std::vector<StorePrompt> out;
    for (std::size_t i = first; i < first + count; ++i) out.push_back(prompt(i));
    return out;
}

std::vector<float> rows(const StoreSite& site, std::size_t i) {
    std::vector<float> out = sample::rows<float>(site, i);
    if (site.gradient)
        for (float& x : out) x *= -2;
    return out;
}

void write(const std::filesystem::path& file, std::size_t from, std::size_t to, bool finish) {
    const auto all = sites();
    StorePlan plan;
    for (const StorePrompt& one : asked(0, prompts)) plan.add(one);
    StoreWriter writer(file, identity(), all, {true, 0, plan});
    writer.check_prompts(asked(0, to));
    QCOMPARE(writer.prompts_done(), std::uint64_t(from));
    writer.add_prompts(asked(from, to - from));
    for (std::size_t s = 0; s < all.size(); ++s)
        for (std::size_t i = from; i < to; ++i) {
            const auto one = rows(all[s], i);
            writer.append(s, one.data(), one.size() / all[s].row_values());
        }
    writer.flush_done();
    if (finish) writer.finish();
}

template <class F>
QString message(F&& f) {
    try {
        f();
    } catch (const Error& error) {
        return QString::fromStdString(error.what());
    }
    return "no error";
}

}  // namespace

class TestGradientSites : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path at(const char* name) const { return folder_.filePath(name).toStdString(); }

  private Q_SLOTS:
    void are_read_beside_the_activations_after_going_on() {
        write(at("a.h5"), 0, 4, false);
        write(at("a.h5"), 4, prompts, true);
        const StoreReader store(at("a.h5"));
        QCOMPARE(store.identity().metric_text(), std::string("logit_diff of the corrupt prompts"));
        QCOMPARE(store.sites().size(), sites().size());
        QVERIFY(!store.sites().front().gradient && store.sites().back().gradient);
        for (const StoreSite& site : sites())
            for (std::size_t i = 0; i < prompts; ++i) QCOMPARE(store.read<float>(site.key(), i).values, rows(site, i));
        const auto metrics = store.metrics();
        for (std::size_t i = 0; i < prompts; ++i) {
            QCOMPARE(metrics[i], std::sin(double(i)));
            QCOMPARE(store.prompt(i).metric, metrics[i]);
            QCOMPARE(store.prompt(i).question, prompt(i).question);
        }
    }

    void another_question_or_metric_is_refused() {
        std::vector<StorePrompt> other = asked(0, prompts);
        other[2].question = "{}";
        const auto open = [&](StoreIdentity from, std::vector<StoreSite> all) {
            return StoreWriter(at("a.h5"), std::move(from), std::move(all), {true, 0, {}});
        };
        QVERIFY(message([&] {
                    open(identity(), sites()).check_prompts(other);
                }).endsWith(R"(prompt 2: expected a metric that reads {} (this run), got {"answer":[2]})"));
        StoreIdentity kl = identity();
        kl.metric = "kl";
        QVERIFY(message([&] { open(kl, sites()); }).contains("attribute metric: expected kl (this run), got logit_diff"));
        QVERIFY(message([&] {
                    open(sample::identity(), sample::sites(h5::Type::float32));
                }).contains("attribute metric: expected none (this run), got logit_diff"));
        QVERIFY(message([&] {
                    open(identity(), sample::sites(h5::Type::float32));
                }).contains("only the sites of this run, got also gradients/blocks.0.attn.hook_z"));
    }

    void a_prompt_says_what_its_metric_reads() {
        const auto none = sample::prompts(0, 1);
        StoreWriter gradients(at("b.h5"), identity(), sites(), {});
        QVERIFY(message([&] { gradients.add_prompts(none); }).contains("expected what the metric reads of Prompt 0"));
        StoreWriter plain(at("c.h5"), sample::identity(), sample::sites(h5::Type::float32), {});
        QVERIFY(message([&] { plain.add_prompts(asked(0, 1)); }).contains("expected prompts without a metric"));
    }

    void a_site_that_is_not_there_is_named_by_its_key() {
        const StoreReader store(at("a.h5"));
        QVERIFY(message([&] {
                    store.read<float>("gradients/blocks.7.hook_resid_post", 0);
                }).contains("gradients/blocks.2.attn.hook_attn_scores"));
        QVERIFY(!store.find("gradients/blocks.7.hook_resid_post"));
    }

    void a_file_whose_metrics_are_missing_is_refused() {
        write(at("d.h5"), 0, prompts, true);
        {
            h5::File file(at("d.h5"), h5::Mode::read_write);
            file.dataset("prompts/metric").resize(prompts - 1);
            file.close();
        }
        QVERIFY(message([&] { const StoreReader store(at("d.h5")); }).contains("/prompts/metric: expected 9 rows"));
    }

    void the_estimate_is_near() {
        StorePlan plan;
        for (const StorePrompt& one : asked(0, prompts)) plan.add(one);
        const auto size = double(std::filesystem::file_size(at("a.h5")));
        const double estimate = double(store_bytes(sites(), plan));
        QVERIFY2(std::abs(estimate - size) < 0.01 * size + 1e5, qPrintable(QString("%1, %2").arg(estimate).arg(size)));
    }
};

QTEST_GUILESS_MAIN(TestGradientSites)
#include "test_gradient_sites.moc"
