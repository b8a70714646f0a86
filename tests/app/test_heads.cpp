// The analyses of heads as a user types them, and the commands of their page.
#include <QRegularExpression>
#include <QtTest>

#include "command.h"
#include "core/base/files.h"

using namespace microtome;

namespace {

const QString ioi = MICROTOME_SOURCE_DIR "/resources/models/tinyworld/prompts/ioi.jsonl";

// "a 'b c' \"d e\"" as a shell would split it.
QStringList words_of(const QString& line) {
    QStringList words;
    QString word;
    QChar quote;
    for (QChar c : line) {
        if (!quote.isNull() ? c == quote : (c == '"' || c == '\''))
            quote = quote.isNull() ? c : QChar();
        else if (quote.isNull() && c == ' ')
            words << std::exchange(word, QString());
        else
            word += c;
    }
    return words << word;
}

}  // namespace

class TestHeads : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

  private Q_SLOTS:
    void initTestCase() { QVERIFY(QFile::link(MICROTOME_SOURCE_DIR "/resources", folder_.filePath("resources"))); }

    void help_names_every_option_data() {
        QTest::addColumn<QString>("command");
        QTest::addColumn<QString>("option");
        QTest::newRow("circuits") << "head-circuits"
                                  << "--token-ids";
        QTest::newRow("composition") << "composition-scores"
                                     << "--subtract-random";
        QTest::newRow("paths") << "path-patching"
                               << "--through-mlps";
        QTest::newRow("classes") << "head-classes"
                                 << "--attention";
        QTest::newRow("examples") << "max-activating"
                                  << "--exclude-first";
        QTest::newRow("tuned lens") << "lens-train"
                                    << "--held-out";
        QTest::newRow("reading through it") << "logit-lens"
                                            << "--lens";
        QTest::newRow("scores") << "head-scores"
                                << "--n-null";
    }
    void help_names_every_option() {
        QFETCH(QString, command);
        QFETCH(QString, option);
        Ran ran = microtome_command({command, "--help"});
        QCOMPARE(ran.code, 0);
        QVERIFY(ran.out.contains(option.toUtf8()));
    }

    void the_commands_of_the_pages_work_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("least");
        QTest::newRow("heads") << "heads.md" << 9;
        QTest::newRow("lenses") << "lenses.md" << 4;
        QTest::newRow("attribution") << "attribution.md" << 1;
        QTest::newRow("sweeps") << "sweeps.md" << 2;
    }
    void the_commands_of_the_pages_work() {
        QFETCH(QString, name);
        QFETCH(int, least);
        QFile page(QStringLiteral(MICROTOME_SOURCE_DIR "/resources/docs/") + name);
        QVERIFY(page.open(QIODevice::ReadOnly));
        int commands = 0;
        for (const QString& line : QString::fromUtf8(page.readAll()).replace(QRegularExpression(" *\\\\\n *"), " ").split('\n')) {
            if (!line.startsWith("microtome ")) continue;
            Ran ran = microtome_command(words_of(line.mid(10)) + QStringList{"--device", "cpu", "--threads", "1"}, folder_.path());
            QVERIFY2(ran.code == 0, (line.toUtf8() + "\n" + ran.error));
            ++commands;
        }
        QVERIFY(commands >= least);
    }

    void examples_of_a_store_are_those_of_the_model() {
        QStringList prompts;
        for (const char* text : {"the capital of france is paris", "the keys near the cabinet are", "ann gave tom a ball"})
            prompts << "--prompt" << text;
        QString store = folder_.filePath("own.h5");
        Ran cached = microtome_command(
            QStringList{"cache", "--sites", "blocks.2.mlp.hook_post,blocks.1.attn.hook_pattern,blocks.1.attn.hook_z", "--out", store} +
            prompts);
        QVERIFY2(cached.code == 0, cached.error);
        for (const char* site : {"L2.post", "L1.pattern", "L1.z"}) {
            QStringList command{"max-activating", "--site", site, "--json"};
            Json direct = microtome_command(command + prompts).json(),
                 stored = microtome_command(command + QStringList{"--store", store}).json();
            const Json &a = direct["views"]["examples"]["rows"], &b = stored["views"]["examples"]["rows"];
            QVERIFY(!a.empty());
            QCOMPARE(a.size(), b.size());
            for (std::size_t i = 0; i < a.size(); ++i)
                for (std::size_t c = 0; c < a[i].size(); ++c)  // the store's batches round otherwise
                    if (c == 3)
                        QVERIFY(std::abs(a[i][c].get<double>() - b[i][c].get<double>()) < 1e-4);
                    else if (i == 0)
                        QCOMPARE(a[i][c].dump(), b[i][c].dump());
        }
        Ran other = microtome_command({"max-activating", "--model", "planted", "--store", store, "--site", "L1.z"});
        QCOMPARE(other.code, 2);
        QVERIFY(other.error.contains("of this model"));
        Ran missing = microtome_command({"max-activating", "--store", store, "--site", "L3.z"});
        QCOMPARE(missing.code, 2);
        QCOMPARE(missing.error.trimmed().count('\n'), 0);
    }

    void an_option_of_yes_or_no_needs_no_value() {
        for (const char* spelt : {"--direct", "--direct=true"}) {
            Ran ran = microtome_command({"path-patching", "--model", "planted", "--clean", "c a d b a", "--corrupt", "c a e b a",
                                         "--answer", "d", "--foil", "e", spelt, "--out", folder_.filePath("direct"), "--json"});
            QVERIFY2(ran.code == 0, ran.error);
            QCOMPARE(read_json(folder_.filePath("direct/manifest.json").toStdString())["params"]["direct"].get<bool>(), true);
        }
        Ran both = microtome_command({"path-patching", "--pairs", ioi, "--direct", "--through-mlps"});
        QCOMPARE(both.code, 2);
        QVERIFY(both.error.contains("either direct or through_mlps"));
    }

    void tinyworld_carries_the_choice_by_one_head() {
        Ran ran = microtome_command({"path-patching", "--pairs", ioi, "--senders", "heads", "--threads", "1", "--json"});
        QVERIFY2(ran.code == 0, ran.error);
        const Json rows = ran.json()["views"]["senders"]["rows"];
        QCOMPARE(rows[0][0].get<std::string>(), std::string("L2.H2"));
        QVERIFY(rows[0][1].get<double>() < -10);
    }
};

QTEST_GUILESS_MAIN(TestHeads)
#include "test_heads.moc"
