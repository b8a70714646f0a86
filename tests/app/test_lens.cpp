// Training a tuned lens and reading through it, as a user types it: killed, stopped, misused.
#include <QtTest>
#include <csignal>

#include "command.h"
#include "core/base/files.h"

using namespace microtome;

namespace {

const QString prompts = MICROTOME_SOURCE_DIR "/resources/models/tinyworld/prompts/";
const QStringList pair{"--clean",   "when tom and ann went to the park , tom gave a ball to",
                       "--corrupt", "when tom and ann went to the park , ann gave a ball to",
                       "--answer",  "ann",
                       "--foil",    "tom"};

}  // namespace

class TestLens : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString path(const char* name) const { return folder_.filePath(name); }
    // Few steps and no figures, unless `more` says otherwise.
    QStringList training(const char* out, const QStringList& more = {}) const {
        QStringList all{"lens-train", "--prompts", "", "--batch-tokens", "256", "--device", "cpu", "--threads", "1", "--out", path(out)};
        all[2] = prompts + "ioi.jsonl";
        if (!more.contains("--steps")) all += {"--steps", "60"};
        if (!more.contains("--figures")) all += {"--figures", "none"};
        if (more.contains("--prompts")) all.remove(1, 2);
        return all + more;
    }
    QByteArray lens_of(const char* out) const {
        QFile file(path(out) + "/lens.safetensors");
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

  private Q_SLOTS:
    void initTestCase() {
        const Ran ran = microtome_command(training("whole", {"--figures", "svg"}));
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(ran.out.contains("tuned lens"));
    }

    void the_result_says_how_good_it_is() {
        const Json result = read_json(path("whole/result.json").toStdString()),
                   manifest = read_json(path("whole/manifest.json").toStdString());
        const Json& series = result["views"]["held_out"]["series"];
        QCOMPARE(series.size(), std::size_t{2});
        for (std::size_t l = 0; l < 4; ++l) QVERIFY(series[1]["y"][l].get<double>() < series[0]["y"][l].get<double>());
        QCOMPARE(result["views"]["loss"]["x"].size(), std::size_t{60});
        QCOMPARE(manifest["analysis"].get<std::string>(), std::string("lens-train"));
        QCOMPARE(manifest["params"]["steps"].get<int>(), 60);
        QCOMPARE(manifest["lens_sha256"].get<std::string>(), sha256_file(path("whole/lens.safetensors").toStdString()));
        QVERIFY(manifest["texts"]["held_out"].get<int>() >= 1);
        QVERIFY(QFile::exists(path("whole/held_out.svg")) && QFile::exists(path("whole/loss.svg")));
    }

    void a_reading_says_which_lens_it_is() {
        for (bool tuned : {false, true}) {
            QStringList command = QStringList{"logit-lens", "--out", path("read")} + pair;
            if (tuned) command += {"--lens", path("whole")};
            const Ran ran = microtome_command(command);
            QVERIFY2(ran.code == 0, ran.error);
            const Json manifest = read_json(path("read/manifest.json").toStdString());
            const std::string name = tuned ? "tuned lens, norm final" : "logit lens, norm final";
            QCOMPARE(manifest["lens"].get<std::string>(), name);
            QCOMPARE(manifest.contains("lens_sha256"), tuned);
            QFile figure(path("read/kl.svg"));
            QVERIFY(figure.open(QIODevice::ReadOnly));
            QVERIFY(figure.readAll().contains(QByteArray::fromStdString(name)));
            QCOMPARE(microtome_command({"replay", path("read"), "--quiet"}).code, 0);
        }
    }

    void a_session_finds_the_lens_beside_it() {
        QFile file(path("s.microtome.json"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(R"({"schema": 1, "model": {"path": "tinyworld", "dtype": "float32", "device": "cpu"}, "threads": 1, "seed": 0,
            "prompts": [{"id": "p1", "clean": "the capital of france is", "corrupt": "the capital of italy is", "answer": "paris", "foil": "rome"}],
            "interventions": [], "steps": [{"id": "s1", "run": "logit-lens", "lens": "whole", "prompts": ["p1"], "use": []}], "exports": []})");
        file.close();
        const Ran ran = microtome_command({"run", path("s.microtome.json"), "--out", path("run"), "--figures", "none"}, "/");
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(read_json(path("run/s1/manifest.json").toStdString())["lens"].get<std::string>().starts_with("tuned lens"));
    }

    void killed_and_resumed_is_the_same() {
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome", training("killed", {"--checkpoint-seconds", "0"}));
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(path("killed/checkpoint.safetensors")) || process.state() == QProcess::NotRunning, 60'000);
        ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
        QVERIFY(process.waitForFinished(60'000));
        if (process.exitStatus() != QProcess::CrashExit) QSKIP("it was done before it could be killed");
        QVERIFY(lens_of("killed").isEmpty());
        const Ran ran = microtome_command(training("killed"));
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(!lens_of("whole").isEmpty());
        QVERIFY(lens_of("killed") == lens_of("whole"));
    }

    void stopped_it_keeps_what_is_done() {
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome", training("stopped", {"--steps", "100000", "--checkpoint-seconds", "0"}));
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(path("stopped/checkpoint.safetensors")), 60'000);
        process.terminate();
        const Ran ran = finished(process);
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.error.contains("stopped after step"), ran.error);
        QVERIFY(lens_of("stopped").isEmpty());
    }

    void mistakes_are_named_data() {
        QTest::addColumn<QStringList>("command");
        QTest::addColumn<QString>("said");
        const QStringList read = QStringList{"logit-lens"} + pair;
        QTest::newRow("another model") << QStringList{"logit-lens", "--model",   "planted", "--clean",    "c a d b a",
                                                      "--corrupt",  "c a e b a", "--lens",  path("whole")}
                                       << "a lens of this model";
        QTest::newRow("another processing") << read + QStringList{"--processing", "processed", "--lens", path("whole")}
                                            << "a lens of this processing";
        QTest::newRow("no such file") << read + QStringList{"--lens", "/nowhere.safetensors"} << "/nowhere.safetensors";
        QTest::newRow("not a lens") << read + QStringList{"--lens", MICROTOME_SOURCE_DIR "/resources/models/tinyworld/model.safetensors"}
                                    << "a tuned lens (microtome lens-train)";
        QTest::newRow("norm") << read + QStringList{"--lens", path("whole"), "--norm", "none"} << "norm: expected final";
        QTest::newRow("place") << read + QStringList{"--lens", path("whole"), "--at", "mid"} << "at: expected pre or post";
        QTest::newRow("no folder") << QStringList{"lens-train", "--prompts", prompts + "ioi.jsonl"} << "--out";
        QTest::newRow("no prompts") << training("x", {"--prompts", "/nowhere.jsonl"}) << "/nowhere.jsonl";
        QTest::newRow("rate") << training("x", {"--learning-rate", "0"}) << "--learning-rate";
        QTest::newRow("share") << training("x", {"--held-out", "1"}) << "--held-out";
        QTest::newRow("steps") << training("x", {"--steps", "0"}) << "--steps";
        QTest::newRow("where") << training("x", {"--at", "post"}) << "--at";
        QTest::newRow("another training") << training("whole", {"--seed", "5"}) << "a checkpoint of this training";
    }
    void mistakes_are_named() {
        QFETCH(QStringList, command);
        QFETCH(QString, said);
        const Ran ran = microtome_command(command);
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains(said.toUtf8()), ran.error);
        QCOMPARE(ran.error.trimmed().count('\n'), 0);
    }
};

QTEST_GUILESS_MAIN(TestLens)
#include "test_lens.moc"
