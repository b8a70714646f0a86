// microtome query and microtome diff as a user types them: every documented example, the forms of output, and mistakes.
#include <QtTest>

#include "command.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "hooks/store/store_reader.h"

using namespace microtome;

namespace {

// Examples stand at the beginning of a line; three spaces or more separate what they mean.
QStringList examples(const QString& text) {
    QStringList found;
    for (const QString& line : text.split('\n', Qt::SkipEmptyParts)) found << line.trimmed().split("   ").first();
    return found;
}

}  // namespace

class TestQueryCommand : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString path(const QString& name) const { return folder_.filePath(name); }
    Ran query(const QString& expression, const QStringList& more = {}) const {
        return microtome_command(QStringList{"query", path("acts.h5"), expression} + more);
    }

  private Q_SLOTS:
    void initTestCase() {
        write_file(path("p.jsonl").toStdString(), R"({"text": "when ann and tom went to the park , tom gave a ball to", "label": "third"}
{"text": "when tom and ann went to the park , tom gave a ball to", "label": "first"}
)");
        const QStringList cache{"cache",  "--model", "tinyworld", "--prompts", path("p.jsonl"), "--sites", "pattern,resid_post,post",
                                "--quiet"};
        const Ran one = microtome_command(cache + QStringList{"--out", path("acts.h5")});
        QVERIFY2(one.code == 0, one.error);
        const Ran two = microtome_command(cache + QStringList{"--out", path("half.h5"), "--store", "float16", "--compress", "4"});
        QVERIFY2(two.code == 0, two.error);
        const Ran three = microtome_command(cache + QStringList{"--out", path("fewer.h5"), "--limit", "1"});
        QVERIFY2(three.code == 0, three.error);
        write_file(
            path("pairs.jsonl").toStdString(),
            R"({"clean": "when ann and tom went to the park , tom gave a ball to", "corrupt": "when tom and ann went to the park , ann gave a ball to", "answer": "ann", "foil": "tom"}
{"clean": "when tom and ann went to the park , ann gave a ball to", "corrupt": "when ann and tom went to the park , tom gave a ball to", "answer": "tom", "foil": "ann"}
)");
        for (const char* metric : {"logit_diff", "prob"}) {
            const Ran four = microtome_command({"gradients", "--model", "tinyworld", "--pairs", path("pairs.jsonl"), "--sites",
                                                "resid_post,z", "--metric", metric, "--quiet", "--out", path(QString(metric) + ".h5")});
            QVERIFY2(four.code == 0, four.error);
        }
    }

    void documented_examples() {
        const QString text = QString::fromStdString(read_file(MICROTOME_SOURCE_DIR "/resources/docs/formats.md"));
        const QString help = QString::fromUtf8(microtome_command({"query", "--help"}).out);
        const QRegularExpression block("microtome query STORE EXPRESSION`\n.*?\n```\n(.*?)```",
                                       QRegularExpression::DotMatchesEverythingOption);
        const QRegularExpression listed("largest are wanted:\n(.*?)Activations:", QRegularExpression::DotMatchesEverythingOption);
        const QStringList all = examples(block.match(text).captured(1)) + examples(listed.match(help).captured(1));
        QVERIFY(all.size() >= 13);
        for (const QString& example : all) {
            const QString file = path(example.contains("grad(") ? "logit_diff.h5" : "acts.h5");
            const Ran ran = microtome_command({"query", file, example, "--json"});
            QVERIFY2(ran.code == 0, example.toUtf8() + ": " + ran.error);
            QVERIFY2(ran.json()["tokens"] == Json(30), ran.out);
        }
    }

    void forms_of_output() {
        const Ran json = query("L3.mlp_post[11] top 3", {"--json", "--out", path("top.csv")});
        QVERIFY2(json.code == 0, json.error);
        const Json rows = json.json()["rows"];
        QCOMPARE(rows.size(), std::size_t(3));
        QVERIFY(rows[0]["value"].get<double>() >= rows[1]["value"].get<double>());
        const QStringList lines = QString::fromStdString(read_file(path("top.csv").toStdString())).split('\n');
        QCOMPARE(lines[0], "prompt,position,id,token,value,before,after,label,group");
        QCOMPARE(lines[1].split(',')[0].toULongLong(), rows[0]["prompt"].get<std::uint64_t>());
        const Ran table = query("token = \"ann\" and prompt = 0");
        QVERIFY2(table.code == 0 && table.out.contains("[ann]") && table.out.count('\n') == 2, table.out + table.error);
        QCOMPARE(query("position >= 0", {"--limit", "4", "--json"}).json()["rows"].size(), std::size_t(4));
        const Json sorted = query("position > 0", {"--sort", "descending", "--limit", "2", "--json"}).json();
        QVERIFY(sorted["rows"][0]["position"] == sorted["rows"][1]["position"]);  // both prompts are equally long
    }

    void gradients_and_what_they_are_of() {
        const StoreReader store(path("logit_diff.h5").toStdString());
        const Ran found = microtome_command({"query", path("logit_diff.h5"), "grad(L3H1.z[2]) top 30", "--json"});
        QVERIFY2(found.code == 0, found.error);
        const Json json = found.json();
        QVERIFY(json["metric"] == Json("logit_diff") && json["metric_run"] == Json("corrupt"));
        QCOMPARE(json["rows"].size(), std::size_t(30));
        for (const Json& row : json["rows"]) {
            const auto prompt = row["prompt"].get<std::size_t>(), position = row["position"].get<std::size_t>();
            const StoreSite& site = store.site("gradients/blocks.3.attn.hook_z");
            const auto values = store.read<double>(site.key(), prompt).values;
            QCOMPARE(row["value"].get<double>(), values[position * site.row_values() + site.shape[1] + 2]);
        }
        const Json asked = microtome_command({"query", path("logit_diff.h5"), "metric top 1", "--json"}).json();
        const auto metrics = store.metrics();
        QCOMPARE(asked["rows"][0]["value"].get<double>(), std::max(metrics[0], metrics[1]));
        QVERIFY(microtome_command({"query", path("prob.h5"), "metric > 0"}).error.contains("grad and metric: prob of the corrupt prompts"));
        const Ran other = microtome_command({"diff", path("logit_diff.h5"), path("prob.h5"), "--json"});
        QVERIFY2(other.code == 0, other.error);
        const Json diff = other.json();
        QVERIFY(diff["metric_a"]["metric"] == Json("logit_diff") && diff["metric_b"]["metric"] == Json("prob"));
        QVERIFY(diff["other_questions"] == Json(2));  // prob has no foil
        for (const Json& site : diff["sites"])
            QCOMPARE(site["different"].get<std::uint64_t>() > 0, site["site"].get<std::string>().starts_with("gradients/"));
        const Ran same = microtome_command({"diff", path("prob.h5"), path("prob.h5")});
        QVERIFY2(same.code == 0 && same.out.contains("\nequal") && same.out.contains("gradients of prob of the corrupt prompts\n"),
                 same.out);
    }

    void mistakes_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("says");
        QTest::newRow("expression") << QStringList{"query", "acts.h5", "L0.resid_post[0] >"} << "expression, column 19: expected a number";
        QTest::newRow("site") << QStringList{"query", "acts.h5", "L0.resid_pre[0] > 1"}
                              << "expression, column 1: expected a site of this store";
        QTest::newRow("no file") << QStringList{"query", "none.h5", "position > 1"} << "none.h5: expected an HDF5 file";
        QTest::newRow("no store") << QStringList{"query", "p.jsonl", "position > 1"} << "p.jsonl: expected an HDF5 file";
        QTest::newRow("no gradients") << QStringList{"query", "acts.h5", "grad(L0.resid_post[0]) > 1"}
                                      << "expression, column 1: expected a store with gradients (microtome gradients writes one)";
        QTest::newRow("no metric") << QStringList{"query", "acts.h5", "metric > 1"}
                                   << "expression, column 1: expected a store with gradients";
        QTest::newRow("no such gradient") << QStringList{"query", "prob.h5", "1 < grad(L0.mlp_post[0])"}
                                          << "expression, column 5: expected a site whose gradient this store has (blocks.0.";
        QTest::newRow("gradient of a number") << QStringList{"query", "prob.h5", "grad(3) > 1"}
                                              << "expression, column 6: expected an activation (L3H1.z[5])";
        QTest::newRow("sort") << QStringList{"query", "acts.h5", "position > 1", "--sort", "up"}
                              << "--sort: expected descending, ascending or file";
        QTest::newRow("model") << QStringList{"query", "acts.h5", "position > 1", "--model", "planted"}
                               << "--model: expected the tokenizer of";
        QTest::newRow("prompts") << QStringList{"diff", "acts.h5", "fewer.h5"} << "fewer.h5: prompts: expected 2 as in ";
        QTest::newRow("tolerance") << QStringList{"diff", "acts.h5", "half.h5", "--tolerance", "-1"}
                                   << "--tolerance: expected a number from 0";
        QTest::newRow("above") << QStringList{"diff", "acts.h5", "half.h5", "--fail-above", "1e-9"}
                               << "expected differences of at most 1e-09 from ";
    }
    void mistakes() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, says);
        for (QString& argument : arguments)
            if (argument.endsWith(".h5") || argument.endsWith(".jsonl")) argument = path(argument);
        const Ran ran = microtome_command(arguments + QStringList{"--json"});
        QCOMPARE(ran.code, 2);
        QCOMPARE(ran.error.trimmed().count('\n'), 0);
        QVERIFY2(ran.error.contains(says.toUtf8()), ran.error);
        QVERIFY(ran.json()["error"].contains("expected"));
    }

    void differences_are_a_result() {
        const Ran same = microtome_command({"diff", path("acts.h5"), path("acts.h5"), "--fail-above", "0"});
        QVERIFY2(same.code == 0 && same.out.contains("\nequal: 2 prompts"), same.out + same.error);
        const Ran half = microtome_command({"diff", path("acts.h5"), path("half.h5"), "--json"});
        QVERIFY2(half.code == 0, half.error);
        const Json json = half.json();
        QVERIFY(json["equal"] == Json(false) && json["largest"].get<double>() > 0);
        QVERIFY(json["sites"][0]["cosine"].get<double>() > 0.99999 && json["largest"].get<double>() < 0.1);
        QVERIFY(json["sites"][0]["at"]["a"] != json["sites"][0]["at"]["b"]);
        QCOMPARE(microtome_command({"diff", path("acts.h5"), path("half.h5"), "--fail-above", "1e9"}).code, 0);
    }
};

QTEST_GUILESS_MAIN(TestQueryCommand)
#include "test_query.moc"
