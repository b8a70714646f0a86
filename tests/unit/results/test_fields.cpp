// The description of parameter and result structs: types, defaults, strict reading, and the Analysis made of them.
#include <QtTest>
#include <set>

#include "analyses/register.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

struct ToyParams {
    std::string metric = "logit_diff";
    int top_k = 5;
    std::int64_t seed = 1;
    double strength = 0.1;
    bool noisy = true;
    std::vector<std::string> presets = {"resid_pre"};
    std::vector<int> layers;
    std::vector<std::int64_t> ids = {7};
    std::vector<Prompt> prompts;
    std::vector<PromptPair> pairs;
    static constexpr std::tuple fields{Field{"metric", &ToyParams::metric, "What is measured", one_of("logit_diff", "prob")},
                                       Field{"top_k", &ToyParams::top_k, "Tokens shown per cell", between(1, 1000)},
                                       Field{"seed", &ToyParams::seed, "Seed"},
                                       Field{"strength", &ToyParams::strength, "Strength", at_least(0)},
                                       Field{"noisy", &ToyParams::noisy, "Add noise"},
                                       Field{"presets", &ToyParams::presets, "Presets", one_of("resid_pre", "z")},
                                       Field{"layers", &ToyParams::layers, "Layers", at_least(0)},
                                       Field{"ids", &ToyParams::ids, "Token ids"},
                                       Field{"prompts", &ToyParams::prompts, "Prompts"},
                                       Field{"pairs", &ToyParams::pairs, "Pairs"}};
};

struct ToyResult {
    Grid effect;
    std::optional<Table> top;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    bool complete = true;
    static constexpr std::tuple fields{Field{"effect", &ToyResult::effect, "Effect (layer)"}, Field{"top", &ToyResult::top, "Best cells"}};
};

ToyResult run(Session&, const ToyParams& params, RunProgress& progress) {
    ToyResult result;
    result.effect = {{{"layer", {"0", "1"}}}, {params.strength, 2}, {}, {}, "logit difference", true};
    if (params.top_k > 5) result.top = Table{{{"token", ""}}, {{std::string(" Mary")}}};
    result.summary = {{"clean", 3.5}};
    result.warnings = {"a zero denominator"};
    result.complete = !progress.stopped();
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(toy_method, "toy-method", "One sentence")

static_assert(good_name("eap", "eap") && good_name("eap-2", "eap_2"));
static_assert(!good_name("run", "run") && !good_name("sae-train", "sae_train") && !good_name("toy_method", "toy_method"));
static_assert(!good_name("toy-methods", "toy_method") && !good_name("Toy", "Toy") && !good_name("", ""));

}  // namespace microtome

using namespace microtome;

class TestFields : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void infos_describe_every_field();
    void defaults_fill_what_is_missing();
    void reading_and_writing_are_inverse();
    void mistakes_are_named_data();
    void mistakes_are_named();
    void subjects_extend_json_pointers();
    void views_follow_the_struct();
    void an_analysis_runs();
    void sources_and_catalog_agree();
};

void TestFields::infos_describe_every_field() {
    std::vector<FieldInfo> infos = field_infos<ToyParams>();
    QStringList types;
    for (const FieldInfo& info : infos) types << QString::fromStdString(info.name + ":" + info.type);
    QCOMPARE(types.join(' '),
             QString("metric:string top_k:integer seed:integer strength:number noisy:boolean presets:strings layers:integers "
                     "ids:integers prompts:prompts pairs:pairs"));
    QCOMPARE(infos[0].choices, (std::vector<std::string>{"logit_diff", "prob"}));
    QCOMPARE(infos[1].help, std::string("Tokens shown per cell"));
    QCOMPARE(infos[1].fallback, Json(5));
    QCOMPARE(infos[1].least.value(), 1.0);
    QCOMPARE(infos[1].most.value(), 1000.0);
    QVERIFY(infos[3].least == 0.0 && !infos[3].most);
    QCOMPARE(infos[8].fallback, Json::array());
    std::vector<FieldInfo> results = field_infos<ToyResult>();
    QCOMPARE(results[0].type, std::string("grid"));
    QCOMPARE(results[1].type, std::string("table"));
}

void TestFields::defaults_fill_what_is_missing() {
    Json complete = to_json(from_json<ToyParams>(Json::object(), "toy"));
    QCOMPARE(complete.dump(),
             std::string(R"({"metric":"logit_diff","top_k":5,"seed":1,"strength":0.1,"noisy":true,"presets":["resid_pre"],)"
                         R"("layers":[],"ids":[7],"prompts":[],"pairs":[]})"));
}

void TestFields::reading_and_writing_are_inverse() {
    Json given = parse_json(R"({"metric":"prob","top_k":1000,"seed":-9223372036854775808,"strength":1,"noisy":false,"presets":["z","z"],)"
                            R"("layers":[0,3],"ids":[],"prompts":[{"text":"a b"}],)"
                            R"("pairs":[{"clean":"a","corrupt":"b","answer":"c","foil":"d"}]})",
                            "given");
    Json once = to_json(from_json<ToyParams>(given, "toy"));
    QCOMPARE(once["seed"].get<std::int64_t>(), INT64_MIN);
    QCOMPARE(once["pairs"], given["pairs"]);
    QCOMPARE(once["prompts"], given["prompts"]);
    QCOMPARE(to_json(from_json<ToyParams>(once, "toy")).dump(), once.dump());
}

void TestFields::mistakes_are_named_data() {
    QTest::addColumn<QString>("json");
    QTest::addColumn<QString>("message");
    auto row = [](const char* json, const char* message) { QTest::newRow(json) << json << message; };
    row(R"({"topk": 3})",
        "toy: topk: expected one of the parameters metric, top_k, seed, strength, noisy, presets, layers, ids, prompts or pairs, "
        "got \"topk\" (did you mean \"top_k\"?)");
    row(R"({"top_k": 0})", "toy: top_k: expected an integer from 1 to 1000, got 0");
    row(R"({"top_k": 5.0})", "toy: top_k: expected an integer from 1 to 1000, got 5.0");
    row(R"({"top_k": "5"})", "toy: top_k: expected an integer from 1 to 1000, got \"5\"");
    row(R"({"seed": 9223372036854775808})", "toy: seed: expected an integer, got 9223372036854775808");
    row(R"({"layers": [2147483648]})", "toy: layers/0: expected an integer of at least 0, got 2147483648");
    row(R"({"layers": 3})", "toy: layers: expected a list of integers, got 3");
    row(R"({"layers": [1, -1]})", "toy: layers/1: expected an integer of at least 0, got -1");
    row(R"({"strength": -0.5})", "toy: strength: expected a number of at least 0, got -0.5");
    row(R"({"strength": null})", "toy: strength: expected a number of at least 0, got null");
    row(R"({"noisy": 1})", "toy: noisy: expected true or false, got 1");
    row(R"({"metric": "logitdiff"})", "toy: metric: expected logit_diff or prob, got \"logitdiff\" (did you mean \"logit_diff\"?)");
    row(R"({"metric": 3})", "toy: metric: expected logit_diff or prob, got 3");
    row(R"({"presets": ["z", "pattern"]})", "toy: presets/1: expected resid_pre or z, got \"pattern\"");
    row(R"([1])", "toy: expected an object of parameters, got array");
}

void TestFields::mistakes_are_named() {
    QFETCH(QString, json);
    QFETCH(QString, message);
    try {
        from_json<ToyParams>(parse_json(json.toStdString(), "given"), "toy");
        QFAIL("no error");
    } catch (const Error& error) {
        QCOMPARE(QString(error.what()), message);
    }
}

void TestFields::subjects_extend_json_pointers() {
    try {
        from_json<ToyParams>(parse_json(R"({"top_k": 0})", "given"), "run.json#/steps/0");
        QFAIL("no error");
    } catch (const Error& error) {
        QCOMPARE(QString::fromStdString(error.subject()), QString("run.json#/steps/0/top_k"));
    }
}

void TestFields::views_follow_the_struct() {
    ToyResult result;
    QCOMPARE(result_views(result).size(), std::size_t{1});
    result.top = Table{{{"token", ""}}, {}};
    std::vector<NamedView> views = result_views(result);
    QCOMPARE(views.size(), std::size_t{2});
    QCOMPARE(views[0].help, std::string("Effect (layer)"));
    QCOMPARE(std::string(kind_of(views[1].view)), std::string("table"));
}

void TestFields::an_analysis_runs() {
    const Analysis& toy = analysis_toy_method();
    QCOMPARE(toy.name(), std::string("toy-method"));
    QCOMPARE(toy.complete(parse_json(R"({"top_k": 9})", "given"))["top_k"], Json(9));
    // The toy never looks at its session.
    alignas(16) std::byte place[16]{};
    Session& nobody = reinterpret_cast<Session&>(place);
    std::stop_source source;
    RunProgress progress(source.get_token());
    microtome::Result result = toy.run(nobody, parse_json(R"({"top_k": 9, "strength": 0.25})", "given"), progress);
    QVERIFY(result.complete);
    QCOMPARE(result.analysis, std::string("toy-method"));
    QCOMPARE(result.views.size(), std::size_t{2});
    QCOMPARE(std::get<Grid>(result.find("effect")->view).values, (std::vector<double>{0.25, 2}));
    QCOMPARE(result.summary.at(0).second, 3.5);
    QCOMPARE(result.warnings.at(0), std::string("a zero denominator"));
    source.request_stop();
    QVERIFY(!toy.run(nobody, Json::object(), progress).complete);
    QVERIFY_THROWS_EXCEPTION(Error, toy.run(nobody, parse_json(R"({"x": 9})", "given"), progress));
}

// Every file that registers an analysis has its line in catalog.inc and the other way round.
void TestFields::sources_and_catalog_agree() {
    const std::filesystem::path folder = std::filesystem::path(MICROTOME_SOURCE_DIR) / "analyses";
    // The names in lines of `file` that begin with `start` and go on to a comma or parenthesis.
    auto found_in = [](const std::filesystem::path& file, const std::string& start) {
        const std::string text = "\n" + read_file(file);
        std::vector<std::string> names;
        for (std::size_t at = 0; (at = text.find("\n" + start, at)) != std::string::npos;) {
            at += start.size() + 1;
            names.push_back(text.substr(at, text.find_first_of(",)", at) - at));
        }
        return names;
    };
    std::set<std::string> registered;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".cpp")
            for (const std::string& name : found_in(entry.path(), "MICROTOME_ANALYSIS(")) QVERIFY(registered.insert(name).second);
    std::vector<std::string> lines = found_in(folder / "catalog.inc", "ANALYSIS(");
    std::set<std::string> listed(lines.begin(), lines.end());
    QCOMPARE(listed.size(), lines.size());
    QCOMPARE(listed, registered);
}

QTEST_GUILESS_MAIN(TestFields)
#include "test_fields.moc"
