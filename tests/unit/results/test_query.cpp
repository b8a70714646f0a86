// Questions to a store, against the same questions asked of every number by hand; and what mistakes say.
#include <QtTest>

#include "analyses/query/query.h"
#include "analyses/query/store_diff.h"
#include "core/base/error.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

namespace {

constexpr std::size_t prompts = 40;
constexpr double infinity = std::numeric_limits<double>::infinity();

std::string piece(std::int64_t id) {
    return id % 2 ? " odd" : " even";
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

// What is known of one token.
struct Token {
    std::size_t prompt, position;
    StorePrompt text;
    double value(const StoreSite& site, std::size_t i) const { return sample::rows<float>(site, prompt)[position * site.row_values() + i]; }
    double pair(const StoreSite& site, std::size_t key, std::size_t head) const {
        return sample::rows<float>(site, prompt)[(position * text.ids.size() + key) * site.row_values() + head];
    }
};

std::vector<Token> tokens() {
    std::vector<Token> all;
    for (std::size_t p = 0; p < prompts; ++p)
        for (std::size_t t = 0; t < sample::prompt(p).ids.size(); ++t) all.push_back({p, t, sample::prompt(p)});
    return all;
}

using Rows = std::vector<std::tuple<std::uint64_t, std::uint64_t, double>>;

Rows rows_of(const query::Answer& answer) {
    Rows rows;
    for (const query::Shown& row : answer.rows) rows.emplace_back(row.match.prompt, row.match.position, row.match.value);
    return rows;
}

}  // namespace

class TestQuery : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::vector<StoreSite> sites_ = sample::sites(h5::Type::float32);  // resid_post, z, scale, pattern of layer 10, scores of layer 2
    std::filesystem::path at(const char* name) const { return folder_.filePath(name).toStdString(); }

    query::Answer ask(const std::string& expression, query::Options options = {}) const {
        Progress progress;
        return query::ask(StoreReader(at("s.h5")), expression, options, piece, progress);
    }
    template <class Value, class Holds>
    void same(const std::string& expression, Value value, Holds holds) const {
        Rows expected;
        for (const Token& token : tokens())
            if (holds(token)) expected.emplace_back(token.prompt, token.position, value(token));
        const query::Answer answer = ask(expression);
        QVERIFY2(!expected.empty() && expected.size() < tokens().size(), expression.c_str());
        QCOMPARE(answer.matches, expected.size());
        QCOMPARE(answer.tokens, tokens().size());
        const Rows got = rows_of(answer);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            QCOMPARE(std::get<0>(got[i]), std::get<0>(expected[i]));
            QCOMPARE(std::get<1>(got[i]), std::get<1>(expected[i]));
            QVERIFY2(std::abs(std::get<2>(got[i]) - std::get<2>(expected[i])) <= 1e-12, expression.c_str());
        }
    }

  private Q_SLOTS:
    void initTestCase() { sample::write(at("s.h5"), h5::Type::float32, prompts, 7); }
    void every_form_against_the_numbers();
    void top_is_sorted_and_bounded();
    void kept_tokens();
    void context_and_labels();
    void mistakes_name_the_column_data();
    void mistakes_name_the_column();
    void stores_are_compared();
    void other_prompts_are_named();
};

void TestQuery::every_form_against_the_numbers() {
    const StoreSite &resid = sites_[0], &z = sites_[1], &pattern = sites_[3], &scores = sites_[4];
    const auto prev = [&](const Token& t) { return t.position ? t.pair(pattern, t.position - 1, 1) : -infinity; };
    same("L10H1.pattern[prev] > 0.5", prev, [&](const Token& t) { return prev(t) > 0.5; });
    same(
        "L10.H1.pattern[self] <= -1", [&](const Token& t) { return t.pair(pattern, t.position, 1); },
        [&](const Token& t) { return t.pair(pattern, t.position, 1) <= -1; });
    same(
        "blocks.0.hook_resid_post[7] > 1 and position >= 2", [&](const Token& t) { return t.value(resid, 7); },
        [&](const Token& t) { return t.value(resid, 7) > 1 && t.position >= 2; });
    same(
        "L0H2.z[3] < 0 or not L0.resid_post[0] < 2", [&](const Token& t) { return t.value(z, 2 * 5 + 3); },
        [&](const Token& t) { return t.value(z, 2 * 5 + 3) < 0 || !(t.value(resid, 0) < 2); });
    const auto norm = [&](const Token& t) {
        double sum = 0;
        for (std::size_t i = 0; i < 24; ++i) sum += t.value(resid, i) * t.value(resid, i);
        return std::sqrt(sum);
    };
    same("norm(L0.resid_post) > 10.4", norm, [&](const Token& t) { return norm(t) > 10.4; });
    const auto most = [&](const Token& t) {
        double value = -infinity;
        for (std::size_t key = 0; key <= t.position; ++key) value = std::max(value, t.pair(scores, key, 2));
        return value;
    };
    same("max(L2H2.attn_scores) > 2.5", most, [&](const Token& t) { return most(t) > 2.5; });
    const auto mixed = [&](const Token& t) {
        return 2 * t.value(resid, 1) - std::abs(t.value(resid, 2)) / 4 + std::max(t.value(resid, 3), 0.5);
    };
    same("2*L0.resid_post[1] - abs(L0.resid_post[2]) / 4 + max(L0.resid_post[3], .5) > 3", mixed,
         [&](const Token& t) { return mixed(t) > 3; });
    same(
        "id > 500 and prompt != 3 and length = 8", [&](const Token& t) { return static_cast<double>(t.text.ids[t.position]); },
        [&](const Token& t) { return t.text.ids[t.position] > 500 && t.prompt != 3 && t.text.ids.size() == 8; });
    const auto one = [](const Token&) { return 1.0; };
    same("token = ' odd' and text contains \"Prompt 1\"", one,
         [&](const Token& t) { return t.text.ids[t.position] % 2 && t.text.text.find("Prompt 1") != std::string::npos; });
    same(
        "-(L0.ln1_scale) > 2.5", [&](const Token& t) { return -t.value(sites_[2], 0); },
        [&](const Token& t) { return -t.value(sites_[2], 0) > 2.5; });
    same(
        "L10H0.pattern[2] > 0", [&](const Token& t) { return t.pair(pattern, 2, 0); },
        [&](const Token& t) { return t.position >= 2 && t.pair(pattern, 2, 0) > 0; });
}

void TestQuery::top_is_sorted_and_bounded() {
    std::vector<double> all;
    for (const Token& token : tokens())
        if (token.text.ids[token.position] % 2) all.push_back(token.value(sites_[0], 5));
    std::sort(all.rbegin(), all.rend());
    const query::Answer answer = ask("L0.resid_post[5] top 9 where token = \" odd\"");
    QCOMPARE(answer.rows.size(), std::size_t(9));
    QCOMPARE(answer.matches, all.size());
    for (std::size_t i = 0; i < 9; ++i) QCOMPARE(answer.rows[i].match.value, all[i]);
    const query::Answer low = ask("L0.resid_post[5] > -10 and id > -1 and token = ' odd'", {3, query::Order::ascending, 5});
    QCOMPARE(low.rows.size(), std::size_t(3));
    for (std::size_t i = 0; i < 3; ++i) QCOMPARE(low.rows[i].match.value, all[all.size() - 1 - i]);
    QCOMPARE(ask("L0.resid_post[5] > -10", {3, query::Order::file, 5}).rows[2].match.prompt, std::uint64_t(1));
}

// A store of some tokens: positions are those of the whole prompt, and a key that was not kept is no match.
void TestQuery::kept_tokens() {
    const std::vector<StoreSite> sites{{"blocks.0.attn.hook_pattern", {"n_heads"}, {1}, true, "", h5::Type::float32}};
    StoreIdentity identity = sample::identity();
    identity.positions = "1,3,4";
    const StorePrompt prompt{"x", {10, 30, 40}, {1, 3, 4}};
    const std::vector<float> pattern{1, 0, 0, .25f, .75f, 0, .125f, .375f, .5f};
    StoreWriter writer(at("kept.h5"), identity, sites, {});
    writer.add_prompts({&prompt, 1});
    writer.append(0, pattern.data(), 9);
    writer.finish();
    const StoreReader store(at("kept.h5"));
    Progress progress;
    const auto rows = [&](const std::string& text) { return rows_of(query::ask(store, text, {}, {}, progress)); };
    QCOMPARE(rows("L0H0.pattern[prev] > 0"), (Rows{{0, 4, .375}}));  // before 3 comes 2, which is not there
    QCOMPARE(rows("L0H0.pattern[3] > 0"), (Rows{{0, 3, .75}, {0, 4, .375}}));
    QCOMPARE(rows("L0H0.pattern[first] >= 0"), Rows{});
    QCOMPARE(rows("L0H0.pattern[self] >= 0"), (Rows{{0, 1, 1}, {0, 3, .75}, {0, 4, .5}}));
    QVERIFY(message([&] { rows("token = 'a'"); }).startsWith("expression, column 1: expected the tokenizer of this store's model"));
}

void TestQuery::context_and_labels() {
    const query::Answer answer = ask("prompt = 3 and position = 3", {0, query::Order::file, 2});
    QCOMPARE(answer.rows.size(), std::size_t(1));
    const StorePrompt prompt = sample::prompt(3);
    QCOMPARE(answer.rows[0].before, piece(prompt.ids[1]) + piece(prompt.ids[2]));
    QCOMPARE(answer.rows[0].token, piece(prompt.ids[3]));
    QCOMPARE(answer.rows[0].after, piece(prompt.ids[4]) + piece(prompt.ids[5]));
    QCOMPARE(answer.rows[0].id, std::int64_t(prompt.ids[3]));
}

void TestQuery::mistakes_name_the_column_data() {
    QTest::addColumn<QString>("expression");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* expression, const char* says) { QTest::newRow(expression) << expression << says; };
    row("", "expression, column 1: expected a number, an activation (L3H1.pattern[prev]) or a condition, got the end");
    row("L0.resid_post[0]", "expression, column 17: expected a comparison (> 0.5), or top and a count, got the end");
    row("L0.resid_post[0] > ", "expression, column 20: expected a number, an activation");
    row("L0.resid_post[0] > 1 2", "expression, column 22: expected the end, and, or, got \"2\"");
    row("L0.resid_post[99] > 1", "expression, column 1: expected an index from 0 to 23, got 99");
    row("1 < L0.resid_post[x]", "expression, column 19: expected an index: a number from 0, prev, self or first, got \"x\"");
    row("1 < L0.resid_post", "expression, column 5: expected one number: an index in brackets, or norm()");
    row("L0.resid_pots[0] > 1", "expression, column 1: expected ");
    row("L1.resid_post[0] > 1", "expression, column 1: expected a site of this store (blocks.0.attn.hook_z, ");
    row("L0H3.z[0] > 1", "expression, column 1: expected a head from 0 to 2, got 3");
    row("L0H0.resid_post[0] > 1", "expression, column 1: expected a site without heads named without one, got head 0");
    row("L10.pattern[prev] > 1", "expression, column 1: expected a head: L10H0 before the site, got none");
    row("L0.resid_post[prev] > 1", "expression, column 1: expected a number in brackets");
    row("positon > 1",
        "expression, column 1: expected an activation, norm, max, min, mean, sum, abs, grad, position, length, id, prompt, metric, "
        "token, text, label or group, "
        "got \"positon\" (did you mean \"position\"?)");
    row("(position > 1", "expression, column 14: expected \")\", got the end");
    row("position > 1 and 2", "expression, column 18: expected a condition, got a number");
    row("position > 1 top 3", "expression, column 14: expected a number before top");
    row("position top 0", "expression, column 14: expected a count from 1 to 10000000, got \"0\"");
    row("position + (position > 1) > 3", "expression, column 13: expected a number, got a condition");
    row("token > 'a'", "expression, column 7: expected =, != or contains, got \">\"");
    row("token = a", "expression, column 9: expected a text in quotes, got \"a\"");
    row("token = 'a", "expression, column 9: expected a text that ends with its quote, got none");
    row("label = 'a'", "expression, column 1: expected a store of prompts with labels or groups, got one without");
    row("position > 1 & id < 3", "expression, column 14: expected a number, a name, a sign or a text in quotes, got &");
    row("position > 1.2.3", "expression, column 12: expected a number, got ");
    row("norm(1, 2) > 3", "expression, column 1: expected norm of one argument, got 2");
    row("L99999999999999999999.z[0] > 1", "expression, column 1: expected ");
}

void TestQuery::mistakes_name_the_column() {
    QFETCH(QString, expression);
    QFETCH(QString, says);
    const QString said = message([&] { ask(expression.toStdString()); });
    QVERIFY2(said.startsWith(says), qPrintable(said));
}

void TestQuery::stores_are_compared() {
    sample::write(at("half.h5"), h5::Type::float16, prompts, 9, {false, 3, {}});
    const StoreReader a(at("s.h5")), b(at("half.h5"));
    Progress progress;
    const query::StoreDiff same = query::diff_stores(a, a, 0, progress);
    QVERIFY(same.equal());
    QCOMPARE(same.largest(), 0.0);
    QVERIFY(std::abs(same.sites[0].cosine - 1) < 1e-12);
    const query::StoreDiff diff = query::diff_stores(a, b, 0, progress);
    QVERIFY(!diff.equal());
    for (const query::SiteDiff& site : diff.sites) {
        double largest = 0, relative = 0, sum = 0;
        std::uint64_t values = 0, finite = 0, different = 0;
        query::Spot at;
        for (std::size_t p = 0; p < prompts; ++p) {
            const std::vector<float> x = sample::rows<float>(a.site(site.name), p);
            const std::uint64_t width = a.site(site.name).row_values(), length = a.length(p);
            for (std::size_t i = 0; i < x.size(); ++i) {
                const double u = static_cast<double>(x[i]), v = static_cast<double>(to_float(to_half(x[i]))),
                             d = u == v ? 0 : std::abs(u - v);
                ++values;
                different += d > 0;
                if (std::isfinite(u)) ++finite, sum += d, relative = std::max(relative, d > 0 ? d / std::max(std::abs(u), std::abs(v)) : 0);
                if (d <= largest) continue;
                largest = d;
                const bool pairs = a.site(site.name).pairs;
                at.prompt = p;
                at.position = i / width / (pairs ? length : 1);
                at.key = pairs ? static_cast<std::int64_t>(i / width % length) : -1;
            }
        }
        QCOMPARE(site.values, values);
        QCOMPARE(site.different, different);
        QCOMPARE(site.largest, largest);
        QCOMPARE(site.largest_relative, relative);
        QVERIFY(std::abs(site.mean - sum / static_cast<double>(finite)) < 1e-15);
        QVERIFY(site.cosine < 1 + 1e-12 && site.cosine > 0.99999);
        QCOMPARE(site.at.prompt, at.prompt);
        QCOMPARE(site.at.position, at.position);
        QCOMPARE(site.at.key, at.key);
        QCOMPARE(std::abs(site.at.a - site.at.b), largest);
    }
    QVERIFY(query::diff_stores(a, b, 2e-3, progress).equal());  // half a unit in the last place of numbers up to 3: 2^-10
}

void TestQuery::other_prompts_are_named() {
    const auto written = [&](const char* name, std::size_t count, std::size_t from, std::uint64_t d_model) {
        const auto sites = sample::sites(h5::Type::float32, d_model);
        StoreWriter writer(at(name), sample::identity(), sites, {});
        sample::add<float>(writer, sites, from, count);
        writer.finish();
    };
    written("fewer.h5", prompts - 1, 0, 24);
    written("others.h5", prompts, 1, 24);
    written("wider.h5", prompts, 0, 25);
    const auto refused = [&](const char* name) {
        Progress progress;
        return message([&] { query::diff_stores(StoreReader(at("s.h5")), StoreReader(at(name)), 0, progress); });
    };
    QVERIFY(
        refused("fewer.h5").endsWith("fewer.h5: prompts: expected 40 as in " + QString::fromStdString(at("s.h5").string()) + ", got 39"));
    QVERIFY(refused("others.h5").contains("others.h5: prompt 0: expected \"Prompt 0 of "));
    QVERIFY(refused("wider.h5").contains("wider.h5: blocks.0.hook_resid_post: expected rows of (24) as in "));
}

QTEST_GUILESS_MAIN(TestQuery)
#include "test_query.moc"
