// Results written and read: JSON, HDF5, CSV.
#include <QtTest>
#include <fstream>
#include <thread>

#include "analyses/files/csv.h"
#include "analyses/views/serialize.h"
#include "core/base/files.h"
#include "hooks/store/h5.h"
#include "tests/unit/results/expect_error.h"
#include "tests/unit/results/random_result.h"

using namespace microtome;

namespace {

Result example() {
    Grid grid{
        {{"layer", {"0", "1"}}, {"position", {"When", " Mary"}}}, {0.1, NAN, -HUGE_VAL, 3}, {1, 1, 1, 0}, {}, "logit difference", true};
    return {"activation-patching", {{"effect", "Effect", grid}}, {{"clean", 3.55}, {"corrupt", NAN}}, {"one warning"}, true};
}

const char* example_json =
    R"({"schema":1,"analysis":"activation-patching","views":{"effect":{"kind":"grid","help":"Effect","unit":"logit difference","diverging":true,)"
    R"("axes":[{"name":"layer","labels":["0","1"]},{"name":"position","labels":["When"," Mary"]}],"shape":[2,2],"values":[[0.1,null],[null,3.0]],)"
    R"("mask":[[true,true],[true,false]],"sem":null,"minus_infinity":[2]}},"summary":{"clean":3.55,"corrupt":null},"warnings":["one warning"],)"
    R"("complete":true})";

Result read(const Json& json) {
    return result_from_json(json, "/nowhere", "r.json");
}

}  // namespace

class TestSerialize : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void json_of_the_example();
    void random_results_round_trip_json();
    void random_results_round_trip_files();
    void large_grids_live_in_hdf5();
    void many_labels_fit();
    void the_same_result_gives_the_same_bytes();
    void approximate_grids_say_so();
    void csv();
    void csv_of_grids_reads_back();
    void mistakes_data();
    void mistakes();
    void any_value_anywhere();
    void views_that_do_not_hold_together();
    void damaged_hdf5();
    void failed_writes_leave_the_old_files();

  private:
    std::filesystem::path path(const std::string& name) { return std::filesystem::path(folder_.path().toStdString()) / name; }
    QTemporaryDir folder_;
};

void TestSerialize::json_of_the_example() {
    QCOMPARE(result_to_json(example()).dump(), std::string(example_json));
    QCOMPARE(Bits::of(read(parse_json(example_json, "x"))), Bits::of(example()));
    // The members that formats.md's example lacks may be missing.
    const char* documented = R"({"schema": 1, "analysis": "a", "views": {"effect": {"kind": "grid", "help": "h", "unit": "u", "axes":
        [{"name": "layer", "labels": ["0", "1"]}], "shape": [2], "values": [1, 2], "mask": null, "sem": [0, 0.5]}}, "summary": {"clean": 3.55}})";
    Result result = read(parse_json(documented, "x"));
    QCOMPARE(std::get<Grid>(result.views[0].view).sem, (std::vector<double>{0, 0.5}));
    QVERIFY(result.complete);
}

void TestSerialize::random_results_round_trip_json() {
    for (unsigned seed = 0; seed < 500; ++seed) {
        const Result result = RandomResult(seed).result();
        const std::string text = result_to_json(result).dump();
        QCOMPARE(Bits::of(read(parse_json(text, "x"))), Bits::of(result));
    }
}

void TestSerialize::random_results_round_trip_files() {
    for (unsigned seed = 0; seed < 12; ++seed) {
        const Result result = RandomResult(1000 + seed).result();
        const auto folder = path("run" + std::to_string(seed)) / "deep";
        write_result(folder, result);
        QCOMPARE(Bits::of(read_result(folder)), Bits::of(result));
        QCOMPARE(Bits::of(read_result_h5(folder / "result.h5")), Bits::of(result));
        for (const NamedView& view : result.views) QVERIFY(std::filesystem::exists(folder / (view.name + ".csv")));
        std::size_t files = 2 + result.views.size();  // and no temporary
        QCOMPARE(std::distance(std::filesystem::directory_iterator(folder), {}), static_cast<std::ptrdiff_t>(files));
    }
}

void TestSerialize::large_grids_live_in_hdf5() {
    Result result = example();
    Grid& grid = std::get<Grid>(result.views[0].view);
    grid.sem = {1, 2, 3, 4};
    Json json = result_to_json(result, 3);
    QCOMPARE(json["views"]["effect"]["values"].dump(), std::string(R"({"h5":"/views/effect"})"));
    QCOMPARE(json["views"]["effect"]["mask"].dump(), std::string(R"({"h5":"/views/effect.mask"})"));
    QVERIFY(!json["views"]["effect"].contains("minus_infinity"));
    write_result_h5(path("result.h5"), result);
    QCOMPARE(Bits::of(result_from_json(json, path(""), "x")), Bits::of(result));
    QVERIFY(error_of([&] { result_from_json(json, path("nowhere"), "x"); }).contains("result.h5: expected"));
    json["views"]["effect"]["values"]["h5"] = "/views/other";
    QCOMPARE(error_of([&] { result_from_json(json, path(""), "x"); }),
             QString(R"(x#/views/effect/values: expected {"h5":"/views/effect"}, got {"h5":"/views/other"})"));

    Grid big{{{"x", std::vector<std::string>(100'001, "l")}}, std::vector<double>(100'001, 0.5), {}, {}, "", false};
    write_result(path("big"), {"a", {{"big", "", big}}, {}, {}, true});
    QVERIFY(std::get<Grid>(read_result(path("big")).views[0].view).values == big.values);
    QCOMPARE(read_json(path("big") / "result.json")["views"]["big"]["values"]["h5"], Json("/views/big"));
}

void TestSerialize::many_labels_fit() {
    Grid grid{{{"token", {}}}, {}, {}, {}, "", false};
    for (int i = 0; i < 6000; ++i) grid.axes[0].labels.push_back("token " + std::to_string(i));
    grid.values.resize(6000);
    Result result{"a", {{"many", "", grid}, {"none", "", Grid{}}}, {}, {}, true};
    write_result_h5(path("many.h5"), result);
    QCOMPARE(Bits::of(read_result_h5(path("many.h5"))), Bits::of(result));
}

void TestSerialize::the_same_result_gives_the_same_bytes() {
    const Result result = RandomResult(7).result();
    write_result(path("first"), result);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 could stamp seconds
    write_result(path("second"), result);
    for (const auto& entry : std::filesystem::directory_iterator(path("first")))
        QCOMPARE(read_file(entry.path()) == read_file(path("second") / entry.path().filename()), true);
}

void TestSerialize::approximate_grids_say_so() {
    Result result = example();
    QVERIFY(!result_to_json(result)["views"]["effect"].contains("approximate"));  // exact is the rule, and needs no word
    std::get<Grid>(result.views[0].view).approximate = "first order";
    QCOMPARE(result_to_json(result)["views"]["effect"]["approximate"], Json("first order"));
    write_result(path("approximate"), result);
    QCOMPARE(std::get<Grid>(read_result(path("approximate")).views[0].view).approximate, std::string("first order"));
    QCOMPARE(std::get<Grid>(read_result_h5(path("approximate") / "result.h5").views[0].view).approximate, std::string("first order"));
    QVERIFY(view_to_csv(result.views[0].view)
                .starts_with("layer,position,value,sem,computed,approximate,layer_index,position_index\n0,When,0.1,,1,first order,0,0\n"));
}

void TestSerialize::csv() {
    QCOMPARE(view_to_csv(example().views[0].view),
             std::string("layer,position,value,sem,computed,layer_index,position_index\n0,When,0.1,,1,0,0\n0,\" Mary\",,,1,0,1\n"
                         "1,When,-inf,,1,1,0\n1,\" Mary\",,,0,1,1\n"));
    QCOMPARE(view_to_csv(Scalar{1e-7, "nats, or so"}), std::string("value,unit\n1e-07,\"nats, or so\"\n"));
    QCOMPARE(view_to_csv(Curve{"step", "loss", {1, 2}, {{"a", {0.5, NAN}, {0.1, 0.2}}, {"b", {3, 4}, {}}}}),
             std::string("step,a,a sem,b\n1,0.5,0.1,3\n2,,0.2,4\n"));
    QCOMPARE(view_to_csv(Table{{{"tok\"en", ""}, {"n", ""}, {"p", ""}}, {{std::string("a\nb"), std::int64_t{-3}, 0.25}}}),
             std::string("\"tok\"\"en\",n,p\n\"a\nb\",-3,0.25\n"));
    QCOMPARE(
        view_to_csv(Graph{
            {{"L0.H1", "head", 0, 1, -1, ""}, {"out", "logits", -1, -1, -1, ""}}, {{"L0.H1", "out", 2, {}}, {"L0.H1", "out", 1, 0.5}}, ""}),
        std::string("source,target,score,exact\nL0.H1,out,2,\nL0.H1,out,1,0.5\n"));
    QCOMPARE(view_to_csv(TokenText{{"a", ","}, {1, NAN}, "", false}), std::string("position,token,value\n0,a,1\n1,\",\",\n"));
    QCOMPARE(view_to_csv(Grid{}), std::string("value,sem,computed\n"));
}

void TestSerialize::csv_of_grids_reads_back() {
    for (unsigned seed = 0; seed < 50; ++seed) {
        const Grid grid = RandomResult(seed).grid();
        const std::string text = view_to_csv(grid);
        CsvReader reader(text, "x.csv");
        CsvRow row;
        QVERIFY(reader.next(row, text.size()));
        const std::size_t axes = grid.axes.size();
        for (std::size_t i = 0; i < grid.size(); ++i) {
            QVERIFY(reader.next(row, text.size()));
            const std::size_t texts = grid.texts.empty() ? 0 : 1;
            const std::size_t approximate = grid.approximate.empty() ? 0 : 1;
            QCOMPARE(row.cells.size(), 2 * axes + texts + approximate + 3);
            if (texts > 0) {
                QCOMPARE(row.cells[axes], grid.texts[i]);
                row.cells.erase(row.cells.begin() + static_cast<std::ptrdiff_t>(axes));
            }
            if (approximate > 0) {
                QCOMPARE(row.cells[axes + 3], grid.approximate);
                row.cells.erase(row.cells.begin() + static_cast<std::ptrdiff_t>(axes + 3));
            }
            std::size_t flat = 0;
            for (std::size_t a = 0; a < axes; ++a) {
                std::size_t index = std::stoul(row.cells[axes + 3 + a]);
                QCOMPARE(row.cells[a], grid.axes[a].labels.at(index));
                flat = flat * grid.axes[a].size() + index;
            }
            QCOMPARE(flat, i);
            QCOMPARE(row.cells[axes + 2], std::string(grid.computed(i) ? "1" : "0"));
            if (row.cells[axes].empty())
                QVERIFY(!grid.computed(i) || std::isnan(grid.values[i]));
            else
                QVERIFY(std::strtod(row.cells[axes].c_str(), nullptr) == grid.values[i]);
        }
        QVERIFY(!reader.next(row, text.size()));
    }
}

void TestSerialize::mistakes_data() {
    QTest::addColumn<QString>("pointer");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("expected");
    auto row = [](const char* pointer, const char* value, const char* expected) {
        QTest::addRow("%s = %s", pointer, value) << pointer << value << expected;
    };
    row("/schema", "2", "r.json#/schema: expected 1, got 2");
    row("/view", "2", "r.json#/view: expected a key that is known here, got \"view\"");
    row("/summary/clean", "\"3\"", "r.json#/summary/clean: expected a number or null, got string");
    row("/warnings", "[3]", "r.json#/warnings/0: expected a string, got number");
    row("/views/effect/kind", "\"grids\"",
        "r.json#/views/effect/kind: expected scalar, curve, grid, table, graph or token_text, got \"grids\" (did you mean \"grid\"?)");
    row("/views/effect/kind", "\"scalar\"", "r.json#/views/effect/value: expected this key, got nothing");
    row("/views/effect/colour", "1", "r.json#/views/effect/colour: expected a key that is known here, got \"colour\"");
    row("/views/effect/shape", "[2,3]", "r.json#/views/effect/shape: expected the axes' lengths [2,2], got [2,3]");
    row("/views/effect/values/1", "[1]", "r.json#/views/effect/values/1: expected a list of 2, got a list of 1");
    row("/views/effect/values/1", "3", "r.json#/views/effect/values/1: expected a list of 2, got number");
    row("/views/effect/values/1/0", "[3]", "r.json#/views/effect/values/1/0: expected a number or null, got array");
    row("/views/effect/mask/0/1", "1", "r.json#/views/effect/mask/0/1: expected true or false, got number");
    row("/views/effect/texts", "[\"a\"]", "r.json#/views/effect/texts: expected a list of 4, got a list of 1");
    row("/views/effect/texts", "{}", "r.json#/views/effect/texts: expected {\"h5\":\"/views/effect.texts\"}, got {}");
    row("/views/effect/sem", "[[1,2]]", "r.json#/views/effect/sem: expected a list of 2, got a list of 1");
    row("/views/effect/sem", "{}", "r.json#/views/effect/sem: expected {\"h5\":\"/views/effect.sem\"}, got {}");
    row("/views/effect/axes/1/labels/0", "3", "r.json#/views/effect/axes/1/labels/0: expected a string, got number");
    row("/views/effect/axes/0/label", "3", "r.json#/views/effect/axes/0/label: expected a key that is known here, got \"label\"");
    row("/views/effect/minus_infinity", "[4]", "r.json#/views/effect/minus_infinity: expected flat indices of values that are null, got 4");
    row("/views/effect/minus_infinity", "[0]", "r.json#/views/effect/minus_infinity: expected flat indices of values that are null, got 0");
    row("/views/effect/minus_infinity", "[-1]",
        "r.json#/views/effect/minus_infinity: expected flat indices of values that are null, got -1");
    row("/views/up~1..", R"({"kind": "scalar", "help": "", "unit": "", "value": 1})",
        "view \"up/..\": expected a name of letters, digits, _ and -, got \"up/..\"");
}

void TestSerialize::mistakes() {
    QFETCH(QString, pointer);
    QFETCH(QString, value);
    QFETCH(QString, expected);
    Json json = parse_json(example_json, "x");
    json[Json::json_pointer(pointer.toStdString())] = Json::parse(value.toStdString());
    QCOMPARE(error_of([&] { read(json); }), expected);
}

void TestSerialize::any_value_anywhere() {
    for (unsigned seed = 0; seed < 12; ++seed) {
        const Json whole = result_to_json(RandomResult(seed).result());
        const Json flat = whole.flatten();
        for (const auto& [pointer, ignored] : flat.items())
            for (const char* value :
                 {"null", "-1", "1e300", "\"\"", "[]", "{}", "[[]]", "18446744073709551615", "true", "{\"h5\":\"/views/view_0\"}"}) {
                Json json = whole;
                json[Json::json_pointer(pointer)] = Json::parse(value);
                error_of([&] { result_to_json(read(json)); });
            }
    }
}

void TestSerialize::views_that_do_not_hold_together() {
    auto message = [](View view) { return error_of([&] { view_to_json({"v", "", std::move(view)}); }); };
    QCOMPARE(message(Grid{{{"layer", {"0", "1"}}}, {1}, {}, {}, "", true}), QString("view v: values: expected 2, got 1"));
    QCOMPARE(message(Grid{{{"layer", {"0"}}}, {1}, {1, 1}, {}, "", true}), QString("view v: mask: expected 1, got 2"));
    QCOMPARE(message(Curve{"x", "", {1, 2}, {{"a", {1}, {}}}}), QString("view v: values of series a: expected 2, got 1"));
    QCOMPARE(message(Table{{{"a", ""}}, {{}}}), QString("view v: cells in a row: expected 1, got 0"));
    QCOMPARE(message(TokenText{{"a"}, {}, "", false}), QString("view v: values: expected 1, got 0"));
    QCOMPARE(message(Graph{{}, {{"a", "b", 1, {}}}, ""}), QString("view v: expected edges between nodes of the graph, got \"a\""));
    QVERIFY(message(Graph{{{"a", "", 0, 0, 0, ""}, {"a", "", 0, 0, 0, ""}}, {}, ""}).contains("each node's id once"));
    Result twice{"a", {{"v", "", Scalar{}}, {"v", "", Scalar{}}}, {}, {}, true};
    QVERIFY(error_of([&] { write_result(path("twice"), twice); }).contains("each view's name once"));
}

void TestSerialize::damaged_hdf5() {
    write_result_h5(path("whole.h5"), RandomResult(3).result());
    const std::string whole = read_file(path("whole.h5"));
    for (std::size_t cut = 0; cut < whole.size() - 1; cut += whole.size() / 23) {
        std::ofstream(path("cut.h5"), std::ios::binary).write(whole.data(), static_cast<std::streamsize>(cut));
        QVERIFY(!error_of([&] { read_result_h5(path("cut.h5")); }).isEmpty());
    }
    h5::File(path("other.h5"), h5::Mode::create).set_string("format", "something else");
    QVERIFY(error_of([&] { read_result_h5(path("other.h5")); }).endsWith("expected a result, got something else"));
}

void TestSerialize::failed_writes_leave_the_old_files() {
    const auto folder = path("kept");
    write_result(folder, example());
    const std::string json = read_file(folder / "result.json"), h5 = read_file(folder / "result.h5");
    Result bad = example();
    std::get<Grid>(bad.views[0].view).values.pop_back();
    QVERIFY(!error_of([&] { write_result(folder, bad); }).isEmpty());
    QCOMPARE(read_file(folder / "result.json"), json);
    QVERIFY(read_file(folder / "result.h5") == h5);
    write_file(path("a file"), "");
    QVERIFY(error_of([&] { write_result(path("a file"), example()); }).contains("expected a folder that can be made"));
}

QTEST_GUILESS_MAIN(TestSerialize)
#include "test_serialize.moc"
