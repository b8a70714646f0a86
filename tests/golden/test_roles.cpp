// Maps over many pairs: averages by role against patches made by hand, one pair after the other; intervals against a plain loop.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <random>

#include "analyses/pair_averages.h"
#include "analyses/runner.h"
#include "golden.h"
#include "hooks/recorder.h"

using namespace microtome;

namespace {

using Ids = std::vector<std::int64_t>;
using Places = std::map<std::string, std::pair<int, int>>;  // first and last token

struct Pair {
    Ids clean, corrupt;
    Places roles;
};

// Two templates: other lengths, roles elsewhere, one of several tokens.
const std::vector<Pair> unlike{{{3, 17, 5, 9, 2, 11, 7}, {3, 17, 21, 9, 2, 11, 7}, {{"S", {2, 2}}, {"IO", {1, 1}}, {"END", {-1, -1}}}},
                               {{8, 4, 19, 6, 12}, {8, 22, 23, 6, 12}, {{"S", {1, 2}}, {"IO", {3, 3}}, {"END", {-1, -1}}}},
                               {{3, 18, 6, 9, 2, 11, 7}, {3, 18, 20, 9, 2, 11, 7}, {{"S", {2, 2}}, {"IO", {1, 1}}, {"END", {-1, -1}}}}};
// One template: its roles alone have other words.
const std::vector<Pair> alike{{{3, 17, 5, 9, 2, 11, 7}, {3, 17, 21, 9, 2, 11, 7}, {{"S", {2, 2}}, {"IO", {1, 1}}, {"END", {6, 6}}}},
                              {{3, 18, 6, 9, 2, 11, 7}, {3, 18, 20, 9, 2, 11, 7}, {{"S", {2, 2}}, {"IO", {1, 1}}, {"END", {6, 6}}}}};
constexpr std::int64_t answer = 13, foil = 6;

Json json_of(const std::vector<Pair>& pairs, bool roles = true) {
    Json out = Json::array();
    for (const Pair& pair : pairs) {
        out.push_back({{"clean_ids", pair.clean}, {"corrupt_ids", pair.corrupt}, {"answer_id", answer}, {"foil_id", foil}});
        if (!roles) continue;
        for (const auto& [name, at] : pair.roles) out.back()["spans"][name] = {at.first, at.second};
    }
    return out;
}

std::unique_ptr<Session> open(const std::string& model) {
    ModelOptions options;
    options.model = golden::folder(model).string();
    options.dtype = "float64", options.device = "cpu", options.threads = 1;
    return Session::open(options);
}

RunRecord run(Session& session, const char* analysis, Json pairs, Json params) {
    params["prompts"] = std::move(pairs);
    RunProgress progress;
    return run_analysis(session, {analysis, std::move(params), {}, 0, {}, {}}, progress);
}

const Grid& grid(const RunRecord& record, const char* view) {
    const NamedView* found = record.result.find(view);
    if (!found) throw std::runtime_error(std::string("no view ") + view);
    return std::get<Grid>(found->view);
}

bool near(double a, double b, double tolerance = 1e-9) {
    return std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

// Positions [first, last] of a site, of one head or all, from another run.
class Put : public SiteHandler {
  public:
    Put(SiteRef ref, int head, std::pair<int, int> at, Tensor other) : ref_(ref), head_(head), at_(at), other_(std::move(other)) {}
    bool wants(SiteRef ref) const override { return ref == ref_; }
    Tensor see(SiteRef, Tensor x) override {
        Tensor y = x.clone();
        for (int p = at_.first; p <= at_.second; ++p) {
            Tensor to = y[0][p], from = other_[0][p];
            if (head_ >= 0) to = to[head_], from = from[head_];
            to.copy_(from);
        }
        return y;
    }

  private:
    SiteRef ref_;
    int head_;
    std::pair<int, int> at_;
    Tensor other_;
};

double logit_diff(const Transformer& model, const Ids& ids, SiteHandler* handler = nullptr) {
    c10::AutoGradMode without_gradients(false);
    Tensor logits = model.forward(ids_tensor({ids}), handler ? Tap(*handler) : Tap())[0][static_cast<std::int64_t>(ids.size()) - 1];
    return (logits[answer] - logits[foil]).item<double>();
}

std::pair<int, int> absolute(const Pair& pair, const std::string& role) {
    auto [first, last] = pair.roles.at(role);
    const int n = static_cast<int>(pair.clean.size());
    return {first < 0 ? first + n : first, last < 0 ? last + n : last};
}

// The corrupted run with the clean run's values at the role's tokens.
double patched(const Transformer& model, const Pair& pair, SiteRef ref, int head, const std::string& role) {
    c10::AutoGradMode without_gradients(false);
    Recorder clean({ref});
    model.forward(ids_tensor({pair.clean}), Tap(clean));
    Put put(ref, head, absolute(pair, role), clean.at(ref));
    return logit_diff(model, pair.corrupt, &put);
}

// Pairs drawn one by one, with the draws that the seed gives.
Interval plain_bootstrap(const std::vector<double>& top, const std::vector<double>& bottom, int times, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<double> ratios;
    for (int i = 0; i < times; ++i) {
        double above = 0, below = 0;
        for (std::size_t draw = 0; draw < top.size(); ++draw) {
            const std::size_t pair = random() % top.size();
            above += top[pair], below += bottom[pair];
        }
        ratios.push_back(above / below);
    }
    std::sort(ratios.begin(), ratios.end());
    auto at = [&](double p) {
        const double place = p * static_cast<double>(ratios.size() - 1);
        const auto i = static_cast<std::size_t>(place);
        return ratios[i] + (place - static_cast<double>(i)) * (ratios[std::min(i + 1, ratios.size() - 1)] - ratios[i]);
    };
    return {at(0.025), at(0.975)};
}

std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& e) {
        return e.what();
    }
    return {};
}

}  // namespace

class TestRoles : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void hand_made_patches_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("preset");
        QTest::addColumn<QString>("engine");
        for (const char* model : {"gpt2", "llama"})
            for (const char* preset : {"resid_pre", "mlp_out", "attn_head_out_by_pos", "attn_head_k_by_pos"})
                for (const char* engine : {"wavefront", "loop"})
                    QTest::addRow("%s %s %s", model, preset, engine) << model << preset << engine;
    }
    void hand_made_patches() {
        QFETCH(QString, model);
        QFETCH(QString, preset);
        QFETCH(QString, engine);
        auto session = open(model.toStdString());
        const Transformer transformer = golden::load(model.toStdString(), at::kDouble);
        const std::map<QString, Site> sites{
            {"resid_pre", Site::resid_pre}, {"mlp_out", Site::mlp_out}, {"attn_head_out_by_pos", Site::z}, {"attn_head_k_by_pos", Site::k}};
        const Json params{{"preset", preset.toStdString()}, {"engine", engine.toStdString()}, {"resamples", 200}, {"seed", 3}};
        Json raw = params;
        raw["metric"] = "logit_diff";
        const RunRecord found = run(*session, "activation-patching", json_of(unlike), params),
                        levels = run(*session, "activation-patching", json_of(unlike), raw);
        const Grid &effect = grid(found, "effect"), &low = grid(found, "effect_low"), &high = grid(found, "effect_high"),
                   &level = grid(levels, "effect"), &level_low = grid(levels, "effect_low");
        QCOMPARE(effect.axes[1].name, std::string("position"));
        QCOMPARE(effect.axes[1].labels, (std::vector<std::string>{"IO", "S", "END"}));  // as the first pair's text has them
        const std::size_t heads = effect.axes.size() == 3 ? effect.axes[2].size() : 1, layers = effect.axes[0].size();
        std::vector<double> clean, corrupt, gap, ones(unlike.size(), 1);
        for (const Pair& pair : unlike) {
            clean.push_back(logit_diff(transformer, pair.clean)), corrupt.push_back(logit_diff(transformer, pair.corrupt));
            gap.push_back(clean.back() - corrupt.back());
        }
        for (std::size_t cell = 0; cell < effect.size(); ++cell) {
            const std::size_t layer = cell / heads / 3;
            QVERIFY(layer < layers);
            const int head = effect.axes.size() == 3 ? static_cast<int>(cell % heads) : -1;
            std::vector<double> after, moved;
            double sum = 0, top = 0, bottom = 0, square = 0;
            for (std::size_t i = 0; i < unlike.size(); ++i) {
                after.push_back(patched(transformer, unlike[i], {sites.at(preset), static_cast<int>(layer)}, head,
                                        effect.axes[1].labels[cell / heads % 3]));
                moved.push_back(after[i] - corrupt[i]);
                sum += after[i], top += moved[i], bottom += gap[i];
            }
            QVERIFY(near(effect.values[cell], top / bottom));
            QVERIFY(near(level.values[cell], sum / 3));
            for (double m : after) square += (m - sum / 3) * (m - sum / 3);
            QVERIFY(near(level.sem[cell], std::sqrt(square / 2 / 3)));
            const Interval ratio = plain_bootstrap(moved, gap, 200, 3), mean = plain_bootstrap(after, ones, 200, 3);
            QVERIFY(near(low.values[cell], ratio.low, 1e-7) && near(high.values[cell], ratio.high, 1e-7));
            QVERIFY(near(level_low.values[cell], mean.low));
            QCOMPARE(grid(found, "effect_n").values[cell], 3.0);
        }
        QVERIFY(effect.sem.empty());  // a ratio has an interval, no standard error
        QCOMPARE(found.manifest.at("interval").get<std::string>(),
                 std::string("95 %, percentile bootstrap over pairs, 200 resamples, seed 3"));
        QCOMPARE(found.manifest.at("positions_by").get<std::string>(), std::string("role"));
    }

    // Every preset with a position axis has one of roles, equal on both engines.
    void every_preset_by_role_data() {
        QTest::addColumn<QString>("preset");
        for (const char* preset :
             {"resid_pre", "resid_mid", "attn_out", "mlp_out", "attn_head_out_by_pos", "attn_head_q_by_pos", "attn_head_k_by_pos",
              "attn_head_v_by_pos", "attn_head_pattern_by_pos", "attn_head_pattern_dest_src_pos", "attn_head_by_pos_every", "block_every"})
            QTest::newRow(preset) << preset;
    }
    void every_preset_by_role() {
        QFETCH(QString, preset);
        auto session = open("gpt2");
        Json params{{"preset", preset.toStdString()}, {"metric", "logit_diff"}, {"resamples", 0}};
        const RunRecord fast = run(*session, "activation-patching", json_of(unlike), params);
        params["engine"] = "loop";
        const RunRecord slow = run(*session, "activation-patching", json_of(unlike), params);
        const Grid &a = grid(fast, "effect"), &b = grid(slow, "effect");
        bool roles = false, moved = false;
        for (const Axis& axis : a.axes) roles = roles || axis.labels == std::vector<std::string>{"IO", "S", "END"};
        QVERIFY(roles);
        for (std::size_t i = 0; i < a.size(); ++i) {
            QVERIFY(near(a.values[i], b.values[i]));
            moved = moved || std::abs(a.values[i] - a.values[0]) > 1e-6;
        }
        QVERIFY(moved);
        QVERIFY(!fast.result.find("effect_low"));
    }

    void one_template_is_told_by_position() {
        auto session = open("gpt2");
        for (const char* analysis : {"activation-patching", "attribution-patching"}) {
            Json params{{"preset", "attn_head_out_by_pos"}, {"resamples", 100}};
            const RunRecord open_choice = run(*session, analysis, json_of(alike), params);
            params["by"] = "position";
            const RunRecord by_position = run(*session, analysis, json_of(alike), params);
            params["by"] = "role";
            const RunRecord by_role = run(*session, analysis, json_of(alike), params);
            QCOMPARE(grid(open_choice, "effect").values, grid(by_position, "effect").values);
            QCOMPARE(grid(open_choice, "effect").axes[1].size(), std::size_t{7});
            QVERIFY(!open_choice.manifest.contains("positions_by"));
            const std::vector<std::size_t> at{1, 2, 6};  // IO, S, END
            for (const char* view : {"effect", "effect_low", "effect_high", "effect_n"}) {
                const Grid &roles = grid(by_role, view), &positions = grid(by_position, view);
                const std::size_t heads = roles.axes[2].size();
                for (std::size_t layer = 0; layer < roles.axes[0].size(); ++layer)
                    for (std::size_t role = 0; role < 3; ++role)
                        for (std::size_t head = 0; head < heads; ++head)
                            QVERIFY(near(roles.values[(layer * 3 + role) * heads + head],
                                         positions.values[(layer * 7 + at[role]) * heads + head]));
            }
        }
    }

    // To first order a patch of several tokens is the sum of its tokens' patches.
    void attribution_by_role_data() {
        QTest::addColumn<QString>("model");
        for (const char* name : {"gpt2", "llama", "architectures/gemma2"}) QTest::newRow(name) << name;
    }
    void attribution_by_role() {
        QFETCH(QString, model);
        auto session = open(model.toStdString());
        for (const char* direction : {"denoise", "noise"}) {
            const Json params{{"preset", "resid_pre"}, {"direction", direction}, {"metric", "logit_diff"}, {"audit", 6}};
            const RunRecord found = run(*session, "attribution-patching", json_of(unlike), params);
            const Grid& change = grid(found, "change");
            std::vector<double> expected(change.size(), 0);
            for (const Pair& pair : unlike) {
                const RunRecord alone = run(*session, "attribution-patching", json_of({pair}), params);
                const std::size_t length = pair.clean.size();
                QCOMPARE(grid(alone, "change").axes[1].size(), length);
                for (std::size_t cell = 0; cell < change.size(); ++cell) {
                    auto [first, last] = absolute(pair, change.axes[1].labels[cell % 3]);
                    for (int p = first; p <= last; ++p)
                        expected[cell] += grid(alone, "change").values[cell / 3 * length + static_cast<std::size_t>(p)] / 3;
                }
            }
            for (std::size_t cell = 0; cell < change.size(); ++cell) QVERIFY(near(change.values[cell], expected[cell]));
            // What the audit drew is what patching by role says.
            Json exactly = params;
            exactly.erase("audit");
            const RunRecord exact = run(*session, "activation-patching", json_of(unlike), exactly);
            int drawn = 0;
            for (std::size_t cell = 0; cell < change.size(); ++cell)
                if (grid(found, "exact").computed(cell)) {
                    QVERIFY(near(grid(found, "exact").values[cell], grid(exact, "effect").values[cell]));
                    ++drawn;
                }
            QCOMPARE(drawn, 6);
        }
    }

    // A role that some pairs lack is an average over the others, and says so.
    void n_counts_the_pairs_that_have_the_role() {
        auto session = open("gpt2");
        std::vector<Pair> pairs = unlike;
        pairs[1].roles["verb"] = {4, 4}, pairs[2].roles["verb"] = {3, 3};
        for (const char* analysis : {"activation-patching", "attribution-patching"})
            for (const char* metric : {"logit_diff", "logit_diff_recovery"}) {
                const Json params{{"preset", "resid_pre"}, {"metric", metric}, {"resamples", 300}};
                const RunRecord all = run(*session, analysis, json_of(pairs), params),
                                some = run(*session, analysis, json_of({pairs[1], pairs[2]}), params);
                const std::vector<std::string> roles{"IO", "S", "END", "verb"};
                QCOMPARE(grid(all, "effect").axes[1].labels, roles);
                const auto& others = grid(some, "effect").axes[1].labels;
                const auto verb = static_cast<std::size_t>(std::find(others.begin(), others.end(), "verb") - others.begin());
                for (std::size_t layer = 0; layer < grid(all, "effect").axes[0].size(); ++layer) {
                    const std::size_t cell = layer * 4 + 3, same = layer * 4 + verb;
                    QCOMPARE(grid(all, "effect_n").values[cell], 2.0);
                    QCOMPARE(grid(all, "effect_n").values[cell - 1], 3.0);
                    QVERIFY(near(grid(all, "effect").values[cell], grid(some, "effect").values[same]));
                    QVERIFY(near(grid(all, "effect_low").values[cell], grid(some, "effect_low").values[same]));
                }
            }
        // The engines agree on it, cells that are computed again included.
        Json params{{"preset", "attn_head_pattern_dest_src_pos"}, {"verify", 1000}};
        const RunRecord fast = run(*session, "activation-patching", json_of(pairs), params);
        params["engine"] = "loop";
        const RunRecord slow = run(*session, "activation-patching", json_of(pairs), params);
        for (std::size_t i = 0; i < grid(fast, "effect").size(); ++i)
            QVERIFY(near(grid(fast, "effect").values[i], grid(slow, "effect").values[i], 1e-8));
        for (const auto& [name, value] : fast.result.summary)
            if (name == "largest_difference") QVERIFY(value < 1e-9);
    }

    void paths_have_intervals() {
        auto session = open("gpt2");
        const Json params{{"senders", "all"}, {"metric", "logit_diff"}, {"resamples", 150}, {"seed", 9}};
        Json scaled = params;
        scaled["metric"] = "logit_diff_recovery";
        const RunRecord raw = run(*session, "path-patching", json_of(unlike), params),
                        told = run(*session, "path-patching", json_of(unlike), scaled);
        std::vector<RunRecord> alone;
        std::vector<double> gap, ones(unlike.size(), 1);
        for (const Pair& pair : unlike) {
            alone.push_back(run(*session, "path-patching", json_of({pair}), params));
            gap.push_back(alone.back().result.summary[0].second - alone.back().result.summary[1].second);
            QVERIFY(!alone.back().result.find("effect_low") && !alone.back().result.find("effect_n"));
        }
        for (std::size_t cell = 0; cell < grid(raw, "effect").size(); ++cell) {
            std::vector<double> moved;
            for (const RunRecord& one : alone) moved.push_back(grid(one, "effect").values[cell]);
            const Interval mean = plain_bootstrap(moved, ones, 150, 9), ratio = plain_bootstrap(moved, gap, 150, 9);
            QVERIFY(near(grid(raw, "effect_low").values[cell], mean.low) && near(grid(raw, "effect_high").values[cell], mean.high));
            QVERIFY(near(grid(told, "effect_low").values[cell], ratio.low, 1e-7));
            QVERIFY(near(grid(told, "effect").values[cell], (moved[0] + moved[1] + moved[2]) / (gap[0] + gap[1] + gap[2])));
            QCOMPARE(grid(raw, "effect_n").values[cell], 3.0);
        }
        QVERIFY(grid(told, "effect").sem.empty() && !grid(raw, "effect").sem.empty());
        const Table& senders = std::get<Table>(raw.result.find("senders")->view);
        QCOMPARE(senders.columns.size(), std::size_t{6});
        QVERIFY(std::get<double>(senders.rows[0][4]) <= std::get<double>(senders.rows[0][5]));
    }

    void weak_pairs_are_flagged() {
        PairScale scale{{10, 10, 10, 10, 10}, {0, 1, 9.6, 9.4, 10}, true};  // differences 10, 9, 0.4, 0.6, 0; median 0.6
        QCOMPARE(weak_pairs(scale), (std::vector<std::size_t>{4}));
        scale.corrupt = {0, 1, 9.61, 9.4, 2};  // median 8: 0.39 is less than 5 %
        QCOMPARE(weak_pairs(scale), (std::vector<std::size_t>{2}));
        scale.corrupt = {0, 0, 0, 9.4, 0};  // median 10: 0.6 is 6 %
        QVERIFY(weak_pairs(scale).empty());
        // Differences 10, 10, 0.3, 0.2: the median is the mean of the middle two, 5.15, and 5 % of it 0.2575.
        QCOMPARE(weak_pairs({{10, 10, 10, 10}, {0, 0, 9.7, 9.8}, true}), (std::vector<std::size_t>{3}));

        auto session = open("gpt2");
        std::vector<Pair> pairs = alike;
        pairs.push_back(alike[0]);
        pairs[2].corrupt = pairs[2].clean;
        for (const char* analysis : {"activation-patching", "attribution-patching", "path-patching"}) {
            Json params{{"metric", "logit_diff_recovery"}};
            Json given = json_of(pairs);
            for (std::size_t i = 0; i < 3; ++i) given[i]["id"] = "p" + std::to_string(i + 1);
            const RunRecord found = run(*session, analysis, given, params);
            QCOMPARE(found.result.warnings.size(), std::size_t{1});
            QVERIFY(QString::fromStdString(found.result.warnings[0]).contains("pair p3"));
            const Table& table = std::get<Table>(found.result.find("pairs")->view);
            QCOMPARE(table.rows.size(), std::size_t{3});
            QCOMPARE(std::get<std::string>(table.rows[2][4]), std::string("hardly differs"));
            QCOMPARE(std::get<std::string>(table.rows[1][4]), std::string());
            QCOMPARE(std::get<double>(table.rows[2][3]), 0.0);
        }
    }

    void what_is_missing_is_named_data() {
        QTest::addColumn<QString>("params");
        QTest::addColumn<bool>("roles");
        QTest::addColumn<QString>("says");
        QTest::newRow("lengths") << R"({"preset": "resid_pre"})" << false << "spans";
        QTest::newRow("insisting") << R"({"preset": "resid_pre", "by": "position"})" << true << "--by role";
        QTest::newRow("no roles") << R"({"preset": "resid_pre", "by": "role"})" << false << "spans";
        QTest::newRow("no axis") << R"({"by": "role"})" << true << "position axis";
        QTest::newRow("both") << R"({"preset": "resid_pre", "by": "position", "positions": "role:S"})" << true << "role or auto";
        QTest::newRow("numbers") << R"({"preset": "resid_pre", "by": "role", "positions": "3"})" << true << "role:NAME";
        QTest::newRow("unknown") << R"({"preset": "resid_pre", "positions": "role:SS"})" << true << "IO";
        QTest::newRow("other word") << R"({"preset": "resid_pre", "by": "span"})" << true << "auto";
    }
    void what_is_missing_is_named() {
        QFETCH(QString, params);
        QFETCH(bool, roles);
        QFETCH(QString, says);
        auto session = open("gpt2");
        for (const char* analysis : {"activation-patching", "attribution-patching"}) {
            const std::string error =
                error_of([&] { run(*session, analysis, json_of(unlike, roles), parse_json(params.toStdString(), "test")); });
            QVERIFY2(QString::fromStdString(error).contains(says), error.c_str());
        }
    }

    void a_pair_without_roles_is_named() {
        auto session = open("gpt2");
        Json pairs = json_of(unlike);
        pairs[1].erase("spans");
        const std::string error = error_of([&] { run(*session, "activation-patching", pairs, {{"preset", "resid_pre"}}); });
        QVERIFY2(QString::fromStdString(error).contains("pair 2") && QString::fromStdString(error).contains("spans"), error.c_str());
    }

    // Without roles nobody knows whether texts of one length belong together: said, not refused.
    void unlike_words_without_roles_are_pointed_out() {
        auto session = open("gpt2");
        std::vector<Pair> pairs{alike[0], {{30, 29, 28, 27, 26, 25, 24}, {30, 29, 21, 27, 26, 25, 24}, {}}};
        Json params{{"preset", "resid_pre"}, {"metric", "logprob"}};
        RunRecord found = run(*session, "activation-patching", json_of(pairs, false), params);
        QCOMPARE(found.result.warnings.size(), std::size_t{1});
        QVERIFY(QString::fromStdString(found.result.warnings[0]).contains("0 of 7 tokens"));
        params["by"] = "position";
        QVERIFY(run(*session, "activation-patching", json_of(pairs, false), params).result.warnings.empty());
        params["by"] = "auto";
        QVERIFY(run(*session, "activation-patching", json_of(alike, false), params).result.warnings.empty());
    }

    void one_pair_has_tokens_and_no_interval() {
        auto session = open("gpt2");
        const RunRecord found = run(*session, "activation-patching", json_of({unlike[0]}), {{"preset", "resid_pre"}});
        QCOMPARE(grid(found, "effect").axes[1].size(), unlike[0].clean.size());
        for (const char* view : {"effect_low", "effect_high", "effect_n", "pairs"}) QVERIFY(!found.result.find(view));
        const RunRecord roles = run(*session, "activation-patching", json_of({unlike[0]}), {{"preset", "resid_pre"}, {"by", "role"}});
        QCOMPARE(grid(roles, "effect").axes[1].labels, (std::vector<std::string>{"IO", "S", "END"}));
    }
};

QTEST_GUILESS_MAIN(TestRoles)
#include "test_roles.moc"
