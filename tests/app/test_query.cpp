// microtome query and microtome diff as a user types them: every documented example, the forms of output, and mistakes.
#include <QtTest>

#include "command.h"
#include "core/base/files.h"
#include "core/base/json.h"

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
            const Ran ran = query(example, {"--json"});
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

    void mistakes_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("says");
        QTest::newRow("expression") << QStringList{"query", "acts.h5", "L0.resid_post[0] >"} << "expression, column 19: expected a number";
        QTest::newRow("site") << QStringList{"query", "acts.h5", "L0.resid_pre[0] > 1"}
                              << "expression, column 1: expected a site of this store";
        QTest::newRow("no file") << QStringList{"query", "none.h5", "position > 1"} << "none.h5: expected an HDF5 file";
        QTest::newRow("no store") << QStringList{"query", "p.jsonl", "position > 1"} << "p.jsonl: expected an HDF5 file";
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
