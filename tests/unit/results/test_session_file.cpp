// Sessions: the documented example, what is written, what is refused, and the schemas before.
#include <QtTest>

#include "analyses/files/session_file.h"
#include "core/base/files.h"
#include "tests/unit/results/expect_error.h"

using namespace microtome;

namespace {

const std::filesystem::path example = std::filesystem::path(MICROTOME_SOURCE_DIR) / "tests/unit/results/data/example.microtome.json";

// The example with the value at `pointer` replaced (or added).
Json changed(const std::string& pointer, const std::string& value) {
    Json json = read_json(example);
    json[Json::json_pointer(pointer)] = Json::parse(value);
    return json;
}

}  // namespace

class TestSessionFile : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void the_example_is_read();
    void the_example_is_the_documented_one();
    void the_example_is_written_back();
    void every_member_round_trips();
    void an_empty_session_has_defaults();
    void targets();
    void mistakes_data();
    void mistakes();
    void newer_schemas_are_refused();
    void schema_0_is_migrated();
    void paths_resolve_against_the_file();
    void hostile_files();
};

void TestSessionFile::the_example_is_read() {
    SessionFile s = read_session(example);
    QCOMPARE(s.model.path, std::string("tinyworld"));
    QCOMPARE(s.model.device, std::string("cpu"));
    QCOMPARE(s.threads, 2);
    QCOMPARE(s.prompts.at(0).id, std::string("p1"));
    QCOMPARE(s.prompts.at(0).foil.at(0), std::string("tom"));
    QCOMPARE(s.interventions.at(0).target, std::string("L3.H1.z"));
    QCOMPARE(s.steps.at(0).run, std::string("activation-patching"));
    QCOMPARE(s.steps.at(0).params.dump(), std::string(R"({"preset":"resid_pre","metric":"logit_diff_recovery"})"));
    QCOMPARE(s.steps.at(0).use.at(0), std::string("i1"));
    QCOMPARE(s.exports.at(0).figure, std::string("s1.svg"));
    QCOMPARE(s.exports.at(1).store, std::string("acts.h5"));
    QCOMPARE(s.views["layout"], Json("Patching"));
}

void TestSessionFile::the_example_is_the_documented_one() {
    const std::string page = read_file(std::filesystem::path(MICROTOME_SOURCE_DIR) / "resources/docs/formats.md");
    QVERIFY(page.find("```json\n" + read_file(example) + "```") != std::string::npos);
}

void TestSessionFile::the_example_is_written_back() {
    QCOMPARE(to_json(read_session(example)).dump(), read_json(example).dump());
    QTemporaryDir folder;
    auto once = std::filesystem::path(folder.path().toStdString()) / "a.microtome.json";
    auto twice = std::filesystem::path(folder.path().toStdString()) / "b.microtome.json";
    write_session(once, read_session(example));
    write_session(twice, read_session(once));
    QCOMPARE(read_file(once), read_file(twice));
    QVERIFY(read_file(once).starts_with("{\n \"schema\": 1,\n \"model\": {\n  \"path\": \"tinyworld\",\n"));
}

void TestSessionFile::every_member_round_trips() {
    const char* text =
        R"({"schema":1,"model":{"path":"a/b","sha256":"00","dtype":"bfloat16","device":"cuda:1","processing":"processed"},)"
        R"("threads":0,"seed":-3,"prompts":[{"id":"p","clean":"a"},{"id":"q","clean_ids":[1],"corrupt_ids":[2],"answer_id":3}],)"
        R"("interventions":[{"id":"i","type":"noise","target":"blocks.*.attn.hook_z","positions":"role:S2","heads":[0,3],)"
        R"("layers":[2],"strength":-0.5,"source":"p","seed":9,"enabled":false}],)"
        R"("steps":[{"id":"s.1","run":"logit-lens","top_k":[1,{"x":null}],"params":{"run":"corrupt"}}],"exports":[{"step":"s.1","data":"d.csv"}],)"
        R"("views":{"a":{"b":[1]}},"notes":"two\nlines"})";
    QCOMPARE(to_json(session_from_json(parse_json(text, "x"), "x")).dump(), std::string(text));
}

void TestSessionFile::an_empty_session_has_defaults() {
    QCOMPARE(to_json(session_from_json(parse_json(R"({"schema": 1})", "x"), "x")).dump(),
             std::string(R"({"schema":1,"model":{"path":"tinyworld","dtype":"float32","device":"auto"},"threads":0,"seed":0,"prompts":[],)"
                         R"("interventions":[],"steps":[],"exports":[],"views":{},"notes":""})"));
}

void TestSessionFile::targets() {
    for (const char* good :
         {"L3.H1.z", "L9.mlp_out", "blocks.9.attn.hook_z", "hook_embed", "blocks.*.hook_resid_post", "L5.mlp.n1234", "L8.sae:res-jb.f5432"})
        check_target("zero", good, "t");
    check_target("edit_weight", "blocks.9.mlp.W_out", "t");
    for (const char* bad : {".a", "a.", "a..b", "a b", "a-b", "a/b"})
        QVERIFY2(!error_of([&] { check_target("edit_weight", bad, "t"); }).isEmpty(), bad);
    for (const char* bad : {"", "L3", "L3.H1", "L3.H1.mlp_out", "L3.Hx.z", "blocks.9.attn.hook_y", "blocks.*.hook_nothing", "L-1.z", "../x",
                            "L5.mlp.n", "L5.mlp.n3x", "L8.sae:.f3", "L8.sae:a b.f3", "L8.sae:res", "L8.sae:res.f"})
        QVERIFY2(!error_of([&] { check_target("zero", bad, "t"); }).isEmpty(), bad);
    QVERIFY(
        error_of([] { check_target("zero", std::string(100'000, 'a'), "t"); }).startsWith("t: expected L9.H6.z or blocks.9.attn.hook_z"));
    QVERIFY(error_of([] { check_target("edit_weight", "a b", "t"); }).startsWith("t: expected the name of a weight"));
}

void TestSessionFile::mistakes_data() {
    QTest::addColumn<QString>("pointer");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("expected");
    auto row = [](const char* pointer, const char* value, const char* expected) {
        QTest::addRow("%s = %s", pointer, value) << pointer << value << expected;
    };
    row("/thread", "2", "x#/thread: expected a key that is known here, got \"thread\"");
    row("/model/paths", "2", "x#/model/paths: expected a key that is known here, got \"paths\"");
    row("/model/path", "\"\"", "x#/model/path: expected a model's name or path, got \"\"");
    row("/model/dtype", "\"float8\"",
        "x#/model/dtype: expected float32, float64, bfloat16 or float16, got \"float8\" (did you mean \"float32\", \"float64\" or "
        "\"float16\"?)");
    row("/model/device", "\"gpu\"", "x#/model/device: expected auto, cpu or cuda[:N], got \"gpu\"");
    row("/threads", "-1", "x#/threads: expected 0 (physical cores) to 4096, got -1");
    row("/seed", "1.5", "x#/seed: expected an integer, got 1.5");
    row("/prompts", "{}", "x#/prompts: expected a list, got object");
    row("/prompts/0/text", "\"a\"", "x#/prompts/0/text: expected a key that is known here, got \"text\"");
    row("/prompts/0/id", "\"\"", "x#/prompts/0/id: expected a name, got nothing");
    row("/prompts/1", R"({"id": "p1", "clean": "a"})", "x#/prompts/1/id: expected an id that is used once, got \"p1\" again");
    row("/interventions/0/type", "\"zeros\"",
        "x#/interventions/0/type: expected zero, mean, resample, patch, noise, freeze, add, scale, clamp_feature, project_out, swap or "
        "edit_weight, got \"zeros\" (did you mean \"zero\"?)");
    row("/interventions/0/target", "\"L3.H1.mlp_out\"",
        "x#/interventions/0/target: target L3.H1.mlp_out: expected a site with heads, got mlp_out");
    row("/interventions/0/positions", "\"first\"",
        "x#/interventions/0/positions: expected all, last, 3,5-7, -1, role:NAME or token:TEXT, got \"first\"");
    row("/interventions/0/heads", "[1.5]", "x#/interventions/0/heads: expected a list of numbers counted from 0, got [1.5]");
    row("/interventions/0/where", "1", "x#/interventions/0/where: expected a key that is known here, got \"where\"");
    row("/interventions/1", R"({"id": "i1", "type": "zero", "target": "L0.z"})",
        "x#/interventions/1/id: expected an id that is used once, got \"i1\" again");
    row("/steps/0/prompts/0", "\"p2\"", "x#/steps/0/prompts/0: expected an id of this session, got \"p2\" (did you mean \"p1\"?)");
    row("/steps/0/use", "[\"i7\"]", "x#/steps/0/use/0: expected an id of this session, got \"i7\" (did you mean \"i1\"?)");
    row("/steps/0/use", "\"i1\"", "x#/steps/0/use: expected a list of strings, got string");
    row("/steps/0/id", "\"../up\"", "x#/steps/0/id: expected letters, digits, - _ or . (not first), got \"../up\"");
    row("/steps/1", R"({"id": "s1", "run": "eap"})", "x#/steps/1/id: expected an id that is used once, got \"s1\" again");
    row("/steps/1", R"({"id": "s2"})", "x#/steps/1/run: expected this key, got nothing");
    row("/steps/0/params", "3", "x#/steps/0/params: expected a JSON object, got 3");
    row("/exports/0/step", "\"s3\"", "x#/exports/0/step: expected the id of a step, got \"s3\" (did you mean \"s1\"?)");
    row("/exports/0/store", "\"a.h5\"", "x#/exports/0/store: expected a key that is known here, got \"store\"");
    row("/exports/1/prompts", "[3]", "x#/exports/1/prompts/0: expected a string, got number");
    row("/exports/1", R"({"prompts": ["p1"]})", "x#/exports/1: expected a step, or sites to store, got neither");
    row("/exports/0", R"({"step": "s1"})", "x#/exports/0: expected a figure or data to write, got neither");
    row("/views", "3", "x#/views: expected a JSON object, got 3");
    row("/notes", "null", "x#/notes: expected a string, got null");
    row("", "[]", "x#: expected a JSON object, got []");
    row("/schema", "\"1\"", "x#/schema: expected an integer, got \"1\"");
}

void TestSessionFile::mistakes() {
    QFETCH(QString, pointer);
    QFETCH(QString, value);
    QFETCH(QString, expected);
    Json json = changed(pointer.toStdString(), value.toStdString());
    QCOMPARE(error_of([&] { session_from_json(json, "x"); }), expected);
}

void TestSessionFile::newer_schemas_are_refused() {
    QCOMPARE(error_of([] { session_from_json(changed("/schema", "2"), "x"); }),
             QString("x#/schema: expected a schema up to 1, which this version reads, got 2"));
    QCOMPARE(error_of([] { session_from_json(Json::object(), "x"); }), QString("x#/schema: expected this key, got nothing"));
    QVERIFY(!error_of([] { session_from_json(changed("/schema", "-1"), "x"); }).isEmpty());
}

void TestSessionFile::schema_0_is_migrated() {
    Json old = changed("/schema", "0");
    Json prompt = {{"id", "p1"}, {"clean", "a"}, {"corrupted", "b"}, {"answer", "c"}};
    old["prompts"][0] = prompt;
    SessionFile session = session_from_json(old, "x");
    QCOMPARE(session.prompts[0].corrupt, std::string("b"));
    QCOMPARE(to_json(session)["schema"], Json(1));
    old["schema"] = 1;
    QCOMPARE(error_of([&] { session_from_json(old, "x"); }),
             QString("x#/prompts/0/corrupted: expected a key that is known here, got \"corrupted\""));
    // A malformed old file is refused as such, not by the migration.
    QVERIFY(!error_of([] { session_from_json(parse_json(R"({"schema": 0, "prompts": [3, null]})", "x"), "x"); }).isEmpty());
    QVERIFY(!error_of([] { session_from_json(parse_json(R"({"schema": 0, "prompts": 3})", "x"), "x"); }).isEmpty());
}

void TestSessionFile::paths_resolve_against_the_file() {
    QTemporaryDir place;
    std::filesystem::path folder = place.path().toStdString();
    std::filesystem::create_directory(folder / "mymodel");
    auto model_of = [&](const std::string& path) {
        SessionFile session;
        session.model.path = path;
        write_session(folder / "s.microtome.json", session);
        return read_session(folder / "s.microtome.json").model_path();
    };
    QCOMPARE(model_of("tinyworld"), std::string("tinyworld"));
    QCOMPARE(model_of("org/model"), std::string("org/model"));
    QCOMPARE(model_of("mymodel"), (folder / "mymodel").string());
    QCOMPARE(model_of("../other"), (folder / "../other").string());
    QCOMPARE(model_of("/abs/model"), std::string("/abs/model"));
    QCOMPARE(read_session(folder / "s.microtome.json").resolved("s1.svg"), folder / "s1.svg");
}

void TestSessionFile::hostile_files() {
    const std::string whole = read_file(example);
    for (std::size_t cut = 0; cut < whole.size() - 1; ++cut)
        QVERIFY(!error_of([&] { session_from_json(parse_json(std::string_view(whole).substr(0, cut), "x"), "x"); }).isEmpty());
    // Any value in any place: an Error or a session, never a crash.
    const Json flat = read_json(example).flatten();
    for (const auto& [pointer, ignored] : flat.items())
        for (const char* value : {"null", "-1", "1e300", "\"\"", "\"\\u0000\"", "[]", "{}", "[[]]", "18446744073709551615", "true"})
            error_of([&, p = pointer] { to_json(session_from_json(changed(p, value), "x")); });
}

QTEST_GUILESS_MAIN(TestSessionFile)
#include "test_session_file.moc"
