// Activation stores as they are browsed: slices against the numbers that were written, statistics against the definition.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/files/store_view.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

class TestStoreView : public QObject {
    Q_OBJECT

    static constexpr std::size_t prompts = 12;
    QTemporaryDir folder_;
    std::filesystem::path file_;

  private Q_SLOTS:
    void initTestCase() {
        file_ = folder_.filePath("acts.h5").toStdString();
        const auto sites = sample::sites(h5::Type::float32);
        StoreWriter writer(file_, sample::identity(), sites, {});
        const auto written = sample::prompts(0, prompts);
        writer.add_prompts(written);
        for (std::size_t s = 0; s < sites.size(); ++s)
            for (std::size_t p = 0; p < prompts; ++p) {
                const auto rows = sample::rows<float>(sites[s], p);
                writer.append(s, rows.data(), rows.size() / sites[s].row_values());
            }
        writer.finish();
    }

    void says_what_the_file_holds() {
        const StoreView view(file_);
        QCOMPARE(view.facts().model, std::string("tiny"));
        QCOMPARE(view.facts().prompts, std::uint64_t(prompts));
        QCOMPARE(view.facts().sites.size(), std::size_t(5));
        QVERIFY(!view.facts().running);
        std::uint64_t tokens = 0;
        for (std::size_t p = 0; p < prompts; ++p) {
            QCOMPARE(view.length(p), std::uint64_t(sample::prompt(p).ids.size()));
            QCOMPARE(view.prompt(p).text, sample::prompt(p).text);
            tokens += view.length(p);
        }
        QCOMPARE(view.facts().tokens, tokens);
        for (const StoredSite& site : view.facts().sites)
            if (site.name == "blocks.0.attn.hook_z") QCOMPARE(site.bytes, tokens * 15 * 4);
    }

    void every_slice_is_the_numbers_that_were_written() {
        const StoreView view(file_);
        for (const StoreSite& site : sample::sites(h5::Type::float32)) {
            const auto& facts = view.facts().sites;
            const auto stored = std::find_if(facts.begin(), facts.end(), [&](const StoredSite& s) { return s.name == site.name; });
            for (const std::size_t prompt : {std::size_t(3), std::size_t(7)}) {
                const std::uint64_t length = view.length(prompt);
                const auto axes = slice_axes(*stored, length);
                const auto all = sample::rows<float>(site, prompt);
                for (std::size_t column = 0; column < axes.size(); ++column) {
                    SliceChoice choice{site.key(), prompt, column, {}};
                    for (const auto& axis : axes) choice.fixed.push_back(axis.second - 1);
                    const Grid grid = view.slice(choice).grid;
                    QCOMPARE(grid.size(), std::size_t(length * axes[column].second));
                    for (std::uint64_t r = 0; r < length; ++r)
                        for (std::uint64_t c = 0; c < axes[column].second; ++c) {
                            std::uint64_t at = r;  // the plain index into (row, axis, axis…)
                            for (std::size_t a = 0; a < axes.size(); ++a) at = at * axes[a].second + (a == column ? c : choice.fixed[a]);
                            QCOMPARE(grid.values[r * axes[column].second + c], double(all[at]));
                        }
                }
            }
        }
    }

    void a_pattern_reads_query_by_key_with_its_tokens() {
        const StoreView view(file_);
        SliceChoice choice{"blocks.10.attn.hook_pattern", 3, 0, {0, 2}};
        const std::uint64_t length = view.length(3);
        for (std::uint64_t i = 0; i < length; ++i) choice.tokens.push_back("t" + std::to_string(i));
        const Grid grid = view.slice(choice).grid;
        QCOMPARE(grid.axes[0].name, std::string("destination"));
        QCOMPARE(grid.axes[1].name, std::string("source"));
        QCOMPARE(grid.axes[1].labels[1], std::string("t1"));
        choice.tokens.clear();
        QCOMPARE(view.slice(choice).grid.axes[0].labels[0], "#" + std::to_string(sample::prompt(3).ids[0]));
    }

    void statistics_are_those_of_the_finite_values() {
        const SliceStatistics s = statistics_of({1, -3, 0, 0, 2, -INFINITY, NAN});
        QCOMPARE(s.count, std::uint64_t(7));
        QCOMPARE(s.other, std::uint64_t(2));
        QCOMPARE(s.zeros, std::uint64_t(2));
        QCOMPARE(s.min, -3.0);
        QCOMPARE(s.max, 2.0);
        QCOMPARE(s.mean, 0.0);
        QVERIFY(std::abs(s.std - std::sqrt(14.0 / 5)) < 1e-15);
        QVERIFY(std::isnan(statistics_of({}).mean));
        QVERIFY(std::isnan(statistics_of({-INFINITY}).max));
    }

    void mistakes_are_one_line() {
        const StoreView view(file_);
        const auto message = [](const auto& call) {
            try {
                call();
            } catch (const Error& error) {
                return std::string(error.what());
            }
            return std::string();
        };
        for (const SliceChoice& choice :
             {SliceChoice{"nothing", 0, 0, {}}, SliceChoice{"blocks.0.attn.hook_z", 99, 0, {}},
              SliceChoice{"blocks.0.attn.hook_z", 0, 2, {}}, SliceChoice{"blocks.0.attn.hook_z", 1, 1, {3, 0}}}) {
            const std::string text = message([&] { (void)view.slice(choice); });
            QVERIFY2(text.find("expected") != std::string::npos && text.find('\n') == std::string::npos, text.c_str());
        }
        const std::string bytes = read_file(file_);
        write_file(folder_.filePath("cut.h5").toStdString(), bytes.substr(0, bytes.size() / 2));
        const std::string text = message([&] { const StoreView cut(folder_.filePath("cut.h5").toStdString()); });
        QVERIFY2(!text.empty() && text.find('\n') == std::string::npos, text.c_str());
    }

    void gradients_are_sites_of_their_own() {
        std::vector<StoreSite> sites{sample::sites(h5::Type::float32)[0], sample::sites(h5::Type::float32)[0]};
        sites[1].gradient = true;
        StoreIdentity identity = sample::identity();
        identity.metric = "logit_diff";
        identity.metric_run = "corrupt";
        const auto file = folder_.filePath("gradients.h5").toStdString();
        StoreWriter writer(file, identity, sites, {});
        const std::vector<StorePrompt> prompt{{"two", {1, 2}, {}, "", "", "{}", 1.5}};
        writer.add_prompts(prompt);
        std::vector<float> one(48, 1.0F), two(48, -2.0F);
        writer.append(0, one.data(), 2);
        writer.append(1, two.data(), 2);
        writer.finish();
        const StoreView view(file);
        QCOMPARE(view.facts().metric, std::string("logit_diff"));
        QCOMPARE(view.facts().metric_run, std::string("corrupt"));
        QCOMPARE(view.facts().sites[1].key, "gradients/" + sites[0].name);
        QCOMPARE(view.facts().sites[1].name, sites[0].name);
        QVERIFY(view.facts().sites[1].gradient && !view.facts().sites[0].gradient);
        QCOMPARE(view.prompt(0).metric, std::optional(1.5));
        QVERIFY(!StoreView(file_).prompt(0).metric);
        const StoreSlice slice = view.slice({view.facts().sites[1].key, 0, 0, {0}});
        QCOMPARE(slice.grid.values, std::vector<double>(48, -2.0));
        QCOMPARE(slice.grid.unit, std::string("gradient of logit_diff"));
        QCOMPARE(view.slice({sites[0].name, 0, 0, {0}}).grid.values, std::vector<double>(48, 1.0));
    }

    void a_prompt_without_tokens_is_an_empty_grid() {
        const StoreView view(file_);
        QCOMPARE(view.length(5), std::uint64_t(0));
        QCOMPARE(view.slice({"blocks.0.hook_resid_post", 5, 0, {}}).grid.size(), std::size_t(0));
    }
};

QTEST_GUILESS_MAIN(TestStoreView)
#include "test_store_view.moc"
