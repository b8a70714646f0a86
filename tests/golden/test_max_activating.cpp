// Examples of neurons and heads against a plain search through all recorded activations.
#include <ATen/ATen.h>

#include <QtTest>
#include <set>

#include "analyses/runner.h"
#include "core/base/json.h"
#include "golden.h"

using namespace microtome;

namespace {

using Rows = std::vector<std::vector<std::int64_t>>;

Rows prompts() {
    Rows rows;
    for (std::int64_t i = 0; i < 12; ++i) {
        rows.emplace_back();
        for (std::int64_t p = 0; p < 3 + i % 5; ++p) rows.back().push_back((5 * i + 7 * p * p) % 40);
    }
    return rows;
}

Json json_of(const Rows& rows) {
    Json out = Json::array();
    for (const auto& row : rows) out.push_back({{"ids", row}});
    return out;
}

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64";
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

Result run(Session& session, Json params) {
    RunProgress progress;
    return run_analysis(session, {"max-activating", std::move(params), {}, 0, {}, {}}, progress).result;
}

const Table& table(const Result& result, const char* name) {
    return std::get<Table>(result.find(name)->view);
}

// (token, unit) of one prompt, by hand.
Tensor values(const Transformer& model, const std::vector<std::int64_t>& ids, const std::string& site, bool exclude_first) {
    for (const auto& [ref, x] : golden::record(model, {ids}).sites) {
        if (hook_name(ref) != site) continue;
        Tensor y = x[0];
        if (ref.site == Site::z) return y.norm(2, -1);
        if (ref.site != Site::pattern) return y;
        Tensor most = at::zeros({y.size(1), y.size(0)}, at::kDouble);
        for (std::int64_t h = 0; h < y.size(0); ++h)
            for (std::int64_t d = 0; d < y.size(1); ++d)
                for (std::int64_t s = exclude_first && d > 0; s <= d; ++s)
                    if (y[h][d][s].item<double>() > most[d][h].item<double>()) most[d][h] = y[h][d][s];
        return most;
    }
    return {};
}

}  // namespace

class TestMaxActivating : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void finds_what_a_plain_search_finds_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("site");
        QTest::addColumn<bool>("exclude");
        for (const char* site :
             {"blocks.1.mlp.hook_post", "blocks.0.attn.hook_z", "blocks.1.attn.hook_pattern", "blocks.2.hook_resid_post"})
            for (bool exclude : {false, true}) QTest::addRow("%s%s", site, exclude ? ", first left out" : "") << "gpt2" << site << exclude;
        QTest::newRow("gated") << "llama"
                               << "blocks.1.mlp.hook_post" << false;
        QTest::newRow("shared values") << "llama"
                                       << "blocks.1.attn.hook_v" << false;
    }
    void finds_what_a_plain_search_finds() {
        QFETCH(QString, model);
        QFETCH(QString, site);
        QFETCH(bool, exclude);
        auto session = open(model.toStdString());
        Transformer toy = golden::load(model.toStdString(), at::kDouble);
        Result result =
            run(*session,
                {{"prompts", json_of(prompts())}, {"site", site.toStdString()}, {"top_k", 3}, {"n_units", 2}, {"exclude_first", exclude}});
        std::vector<Tensor> all;
        for (const auto& row : prompts()) {
            Tensor x = values(toy, row, site.toStdString(), exclude);
            if (site.contains("hook_v")) x = x.norm(2, -1);
            all.push_back(x);
        }
        std::vector<Tensor> counted;
        for (const Tensor& x : all) counted.push_back(exclude ? x.narrow(0, 1, x.size(0) - 1) : x);
        Tensor joined = at::cat(counted);  // (token, unit)
        const Table &units = table(result, "units"), &examples = table(result, "examples");
        QCOMPARE(units.rows.size(), std::size_t{2});
        Tensor most = joined.amax(0);
        auto best = std::get<0>(most.sort(0, true));
        for (std::size_t u = 0; u < 2; ++u) {
            auto unit = std::get<std::int64_t>(units.rows[u][0]);
            QVERIFY(std::abs(std::get<double>(units.rows[u][1]) - best[static_cast<std::int64_t>(u)].item<double>()) < 1e-10);
            Tensor own = joined.select(1, unit);
            double expected[] = {own.max().item<double>(), own.min().item<double>(), own.mean().item<double>(),
                                 own.std(0, false).item<double>(), (own > 0).to(at::kDouble).mean().item<double>()};
            for (std::size_t i = 0; i < 5; ++i) QVERIFY(std::abs(std::get<double>(units.rows[u][1 + i]) - expected[i]) < 1e-9);
            // The largest value of each prompt, in order.
            std::vector<double> tops;
            for (const Tensor& x : counted) tops.push_back(x.select(1, unit).max().item<double>());
            std::sort(tops.rbegin(), tops.rend());
            std::size_t rank = 0;
            for (const auto& row : examples.rows)
                if (std::get<std::int64_t>(row[0]) == unit && std::get<std::string>(row[1]) == "strongest")
                    QVERIFY(std::abs(std::get<double>(row[3]) - tops[rank++]) < 1e-10);
            QCOMPARE(rank, std::size_t{3});
        }
        double lowest = joined.amin().item<double>();
        for (const auto& row : examples.rows) {  // each value is where it is said to be, and in its part of the range
            auto prompt = static_cast<std::size_t>(std::get<std::int64_t>(row[4]) - 1);
            auto position = std::get<std::int64_t>(row[5]), unit = std::get<std::int64_t>(row[0]);
            double value = std::get<double>(row[3]);
            QVERIFY(std::abs(all[prompt][position][unit].item<double>() - value) < 1e-10);
            QCOMPARE(std::get<std::string>(row[7]), session->token(prompts()[prompt][static_cast<std::size_t>(position)]).text);
            QVERIFY(value >= lowest - 1e-12);
            std::string kind = std::get<std::string>(row[1]);
            if (kind.rfind("part ", 0) != 0) continue;
            Tensor own = joined.select(1, unit);
            double least = own.min().item<double>(), width = (own.max().item<double>() - least) / 4;
            int part = std::stoi(kind.substr(5));
            QVERIFY(value >= least + (part - 1) * width - 1e-12 && value <= least + part * width + 1e-12);
        }
    }

    void ties_go_to_the_earlier_prompt_and_examples_to_different_prompts() {
        auto session = open("gpt2");
        Rows same(4, {3, 9, 3, 9, 3});
        Result result = run(*session, {{"prompts", json_of(same)}, {"site", "L0.post"}, {"units", {4}}, {"top_k", 9}, {"quantiles", 2}});
        std::vector<std::int64_t> order;
        std::set<std::pair<std::string, std::int64_t>> seen;
        for (const auto& row : table(result, "examples").rows) {
            if (std::get<std::string>(row[1]) == "strongest") order.push_back(std::get<std::int64_t>(row[4]));
            QVERIFY(seen.insert({std::get<std::string>(row[1]), std::get<std::int64_t>(row[4])}).second);
        }
        QCOMPARE(order, (std::vector<std::int64_t>{1, 2, 3, 4}));
        Result again = run(*session, {{"prompts", json_of(same)}, {"site", "L0.post"}, {"units", {4}}, {"top_k", 9}, {"quantiles", 2}});
        QVERIFY(table(again, "examples").rows == table(result, "examples").rows);
        const auto& text = std::get<TokenText>(result.find("text")->view);
        QCOMPARE(text.tokens.size(), text.values.size());
        QCOMPARE(std::count(text.tokens.begin(), text.tokens.end(), "¶"), 3);
    }

    void mistakes_are_named_data() {
        QTest::addColumn<QString>("params");
        QTest::addColumn<QString>("names");
        QTest::newRow("no prompts") << R"({"site": "L0.post"})"
                                    << "neither";
        QTest::newRow("site") << R"({"prompts": [{"ids": [1]}], "site": "L9.post"})"
                              << "microtome list sites";
        QTest::newRow("word") << R"({"prompts": [{"ids": [1]}], "site": "L0.posts"})"
                              << "L0.posts";
        QTest::newRow("unit") << R"({"prompts": [{"ids": [1]}], "site": "L0.z", "units": [3]})"
                              << "heads from 0 to 2";
        QTest::newRow("head") << R"({"prompts": [{"ids": [1]}], "site": "L0.H7.z"})"
                              << "heads from 0 to 2";
        QTest::newRow("both") << R"({"prompts": [{"ids": [1]}], "store": "x.h5"})"
                              << "both";
        QTest::newRow("store") << R"({"store": "/nowhere.h5"})"
                               << "/nowhere.h5";
    }
    void mistakes_are_named() {
        QFETCH(QString, params);
        QFETCH(QString, names);
        auto session = open("gpt2");
        try {
            run(*session, parse_json(params.toStdString(), "params"));
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains(names), error.what());
            return;
        }
        QFAIL("accepted");
    }
};

QTEST_GUILESS_MAIN(TestMaxActivating)
#include "test_max_activating.moc"
