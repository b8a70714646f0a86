// The command as a user types it: results, replay, sessions, stores, and what each mistake says.
#include <QtTest>
#include <csignal>

#include "analyses/views/serialize.h"
#include "core/base/files.h"
#include "core/base/safetensors.h"

using namespace microtome;

namespace {

struct Ran {
    int code = -1;
    QByteArray out, error;
    Json json() const { return parse_json(out.toStdString(), "stdout"); }
};

const QString planted = "planted";
const QStringList pair{"--clean", "c a d b a", "--corrupt", "c a e b a", "--answer", "d", "--foil", "e"};

Ran microtome_command(const QStringList& arguments) {
    QProcess process;
    process.start(MICROTOME_BIN_DIR "/microtome", arguments);
    Ran ran;
    if (!process.waitForFinished(120'000)) return ran;
    ran.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    ran.out = process.readAllStandardOutput();
    ran.error = process.readAllStandardError();
    return ran;
}

Ran patch(QStringList more) {
    return microtome_command(QStringList{"activation-patching", "--model", planted, "--threads", "1", "--device", "cpu"} + pair + more);
}

}  // namespace

// Linux: the signals that a process handles, as a mask in hexadecimal digits.
bool catches_interrupts(qint64 process) {
    QFile file(QStringLiteral("/proc/%1/status").arg(process));
    if (!file.open(QIODevice::ReadOnly)) return false;
    for (const QByteArray& line : file.readAll().split('\n'))
        if (line.startsWith("SigCgt:")) return (line.mid(7).trimmed().toULongLong(nullptr, 16) >> (SIGINT - 1)) & 1;
    return false;
}

class TestCommand : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString path(const QString& name) const { return folder_.filePath(name); }
    void write(const QString& name, const std::string& text) const { write_file(path(name).toStdString(), text); }

  private Q_SLOTS:
    void help_of_everything_data() {
        QTest::addColumn<QString>("command");
        for (const char* name : {"list", "info", "run", "replay", "cache", "query", "diff", "generate", "tokenize", "logits", "eval",
                                 "train", "selftest", "activation-patching", "attention-patterns", "head-scores"})
            QTest::addRow("%s", name) << name;
    }
    void help_of_everything() {
        QFETCH(QString, command);
        Ran ran = microtome_command({command, "--help"});
        QCOMPARE(ran.code, 0);
        QVERIFY(ran.out.contains("Usage"));
    }

    void a_mistake_is_one_line_and_exit_2_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("names");
        QTest::newRow("command") << QStringList{"activation-patchin"} << "activation-patchin";
        QTest::newRow("option") << QStringList{"info", "--modell", "x"} << "--modell";
        QTest::newRow("model") << QStringList{"info", "/nowhere"} << "/nowhere";
        QTest::newRow("dtype") << QStringList{"info", planted, "--dtype", "float31"} << "float31";
        QTest::newRow("device") << QStringList{"info", planted, "--device", "cuda:99"} << "cuda:99";
        QTest::newRow("preset") << QStringList{"activation-patching", "--model", planted, "--preset", "resid"} << "resid";
        QTest::newRow("metric") << QStringList{"activation-patching", "--model", planted, "--metric", "x"} << "logit_diff";
        QTest::newRow("metric expression") << QStringList{"activation-patching", "--model", planted, "--metric-expr",
                                                          "logit(answer) - logit(foul)"}
                                           << "column 23";
        QTest::newRow("no prompts") << QStringList{"activation-patching", "--model", planted} << "--pairs";
        QTest::newRow("unequal")
            << QStringList{"activation-patching", "--model", planted, "--clean", "a b", "--corrupt", "a", "--answer", "a", "--foil", "b"}
            << "equal length";
        QTest::newRow("answer") << QStringList{"activation-patching",
                                               "--model",
                                               planted,
                                               "--clean",
                                               "a b",
                                               "--corrupt",
                                               "a c",
                                               "--answer",
                                               "a b",
                                               "--foil",
                                               "b"}
                                << "single token";
        QTest::newRow("too long") << QStringList{"attention-patterns", "--model", planted, "--prompt",
                                                 "a b c d a b c d a b c d a b c d a b"}
                                  << "16";
        QTest::newRow("sites") << QStringList{"cache", "--model", planted, "--prompt", "a", "--sites", "blocks.9.*", "--out", "/tmp/x.h5"}
                               << "blocks.9.*";
        QTest::newRow("file") << QStringList{"cache",   "--model", planted, "--prompts", "/nowhere.jsonl",
                                             "--sites", "z",       "--out", "/tmp/x.h5"}
                              << "/nowhere.jsonl";
        QTest::newRow("intervention") << QStringList{"attention-patterns",
                                                     "--model",
                                                     planted,
                                                     "--prompt",
                                                     "a b",
                                                     "--intervene",
                                                     R"({"type":"zero","target":"L7.H0.z"})"}
                                      << "blocks.7";
        QTest::newRow("session") << QStringList{"run", "/nowhere.microtome.json"} << "/nowhere.microtome.json";
        QTest::newRow("recipe") << QStringList{"train", "/nowhere.json", "--out", "/tmp/x"} << "/nowhere.json";
    }
    void a_mistake_is_one_line_and_exit_2() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, names);
        Ran ran = microtome_command(arguments);
        QCOMPARE(ran.code, 2);
        QCOMPARE(ran.error.trimmed().count('\n'), 0);
        QVERIFY2(ran.error.contains(names.toUtf8()), ran.error);
        Ran json = microtome_command(arguments + QStringList{"--json"});
        if (arguments[0] != "cache" && arguments[0] != "train") QVERIFY2(json.json()["error"].contains("subject"), json.out);
    }

    void patching_writes_what_it_promises_and_replays() {
        QString out = path("ap");
        Ran ran = patch({"--preset", "attn_head_out_all_pos", "--metric", "logit_diff", "--out", out, "--figures", "svg,png,pdf"});
        QCOMPARE(ran.code, 0);
        for (const char* file : {"manifest.json", "result.json", "result.h5", "effect.csv", "effect.svg", "effect.png", "effect.pdf"})
            QVERIFY2(QFile::exists(out + "/" + file), file);
        Json result = read_json((out + "/result.json").toStdString());
        QCOMPARE(QByteArray::fromStdString(result["views"]["effect"]["values"].dump()),
                 QByteArray::fromStdString(Json({{-10.0, -10.0}, {10.0, -10.0}}).dump()));
        QCOMPARE(result["summary"]["clean"], Json(10.0));
        QCOMPARE(result["summary"]["corrupt"], Json(-10.0));
        Json manifest = read_json((out + "/manifest.json").toStdString());
        for (const char* key :
             {"schema", "command", "analysis", "params", "model", "threads", "seed", "token_ids", "seconds", "peak_memory_bytes"})
            QVERIFY2(manifest.contains(key), key);
        for (const QString& what : {out, out + "/effect.svg", out + "/effect.png"}) {
            Ran again = microtome_command({"replay", what, "--json"});
            QCOMPARE(again.code, 0);
            QCOMPARE(again.json()["bit_equal"], Json(true));
        }
        result["views"]["effect"]["values"][0][0] = 9.0;
        write_json((out + "/result.json").toStdString(), result);
        QCOMPARE(microtome_command({"replay", out}).code, 2);
    }

    void an_expression_measures_what_its_metric_does() {
        Ran named = patch({"--preset", "resid_pre", "--metric", "prob_diff", "--json"}),
            written = patch(
                {"--preset", "resid_pre", "--metric-expr", R"(prob("d", last) - prob(answer) + prob([answer]) - prob(foil))", "--json"});
        QCOMPARE(named.code, 0);
        QVERIFY2(written.code == 0, written.error);
        QVERIFY(named.json()["views"]["effect"]["values"] == written.json()["views"]["effect"]["values"]);
        QCOMPARE(patch({"--metric-expr", "kl() + logit(\"nobody\")"}).code, 2);
        QVERIFY(patch({"--metric-expr", "logit(answer, role:S2)"}).error.contains("role:S2"));
        Ran unanswered = microtome_command(
            {"activation-patching", "--model", planted, "--clean", "c a d b a", "--corrupt", "c a e b a", "--metric-expr", "kl(all)"});
        QVERIFY2(unanswered.error.contains("mean("), unanswered.error);
        QCOMPARE(microtome_command({"activation-patching", "--model", planted, "--clean", "c a d b a", "--corrupt", "c a e b a",
                                    "--metric-expr", "mean(kl(all))"})
                     .code,
                 0);
    }

    void a_session_gives_the_same_bits_as_the_command() {
        write("s.microtome.json",
              R"({"schema": 1, "model": {"path": "planted", "dtype": "float32", "device": "cpu"}, "threads": 1, "seed": 0,
            "prompts": [{"id": "p1", "clean": "c a d b a", "corrupt": "c a e b a", "answer": "d", "foil": "e"}],
            "interventions": [{"id": "i1", "type": "zero", "target": "L0.H0.z", "positions": "all", "enabled": true}],
            "steps": [{"id": "s1", "run": "activation-patching", "preset": "resid_pre", "metric": "logit_diff", "prompts": ["p1"]},
                      {"id": "s2", "run": "activation-patching", "preset": "resid_pre", "metric": "logit_diff", "prompts": ["p1"], "use": ["i1"]},
                      {"id": "s3", "run": "attention-patterns", "prompts": ["p1"]}],
            "exports": [{"step": "s1", "figure": "s1.svg"}, {"step": "s1", "data": "s1.csv"}, {"sites": ["blocks.*.hook_resid_post"], "prompts": ["p1"], "store": "acts.h5"}],
            "views": {}, "notes": ""})");
        QString out = path("session");
        Ran ran = microtome_command({"run", path("s.microtome.json"), "--out", out, "--figures", "none"});
        QVERIFY2(ran.code == 0, ran.error);
        for (const char* file : {"s1/result.json", "s2/result.json", "s3/result.json", "s1.svg", "s1.csv", "acts.h5"})
            QVERIFY2(QFile::exists(out + "/" + file), file);
        QCOMPARE(patch({"--preset", "resid_pre", "--metric", "logit_diff", "--out", path("direct"), "--figures", "none"}).code, 0);
        Json session = read_json((out + "/s1/result.json").toStdString()), direct = read_json(path("direct/result.json").toStdString());
        QVERIFY(session["views"] == direct["views"]);
        Json ablated = read_json((out + "/s2/result.json").toStdString());
        QCOMPARE(ablated["summary"]["clean"], Json(0.0));  // without its previous-token head the model says nothing
    }

    void a_store_is_resumed_and_never_overwritten() {
        std::string lines;
        for (int i = 0; i < 400; ++i) lines += std::string(R"({"text": "c a d b a )") + static_cast<char>('a' + i % 14) + "\"}\n";
        write("many.jsonl", lines);
        QStringList arguments{
            "cache",          "--model", planted,     "--prompts", path("many.jsonl"), "--sites", "blocks.*.hook_resid_post,pattern",
            "--batch-tokens", "64",      "--threads", "1"};
        QCOMPARE(microtome_command(arguments + QStringList{"--out", path("whole.h5")}).code, 0);
        QCOMPARE(microtome_command(arguments + QStringList{"--out", path("whole.h5")}).code, 2);
        QProcess killed;
        killed.start(MICROTOME_BIN_DIR "/microtome", arguments + QStringList{"--out", path("cut.h5")});
        for (int i = 0; i < 20'000 && !QFile::exists(path("cut.h5.part")); ++i) QThread::msleep(1);
        killed.kill();
        killed.waitForFinished();
        Ran resumed = microtome_command(arguments + QStringList{"--out", path("cut.h5"), "--resume"});
        QVERIFY2(resumed.code == 0, resumed.error);
        if (QStandardPaths::findExecutable("h5diff").isEmpty()) return;
        QCOMPARE(QProcess::execute("h5diff", {"-c", path("whole.h5"), path("cut.h5")}), 0);
    }

    void broken_models_are_named() {
        QString model = path("broken");
        QDir().mkpath(model);
        QString source = QString(MICROTOME_SOURCE_DIR) + "/resources/models/planted/";
        for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"})
            QFile::copy(source + file, model + "/" + file);
        std::string weights = read_file((source + "model.safetensors").toStdString());
        write("broken/model.safetensors", weights.substr(0, weights.size() / 2));
        Ran truncated = microtome_command({"info", model});
        QCOMPARE(truncated.code, 2);
        QVERIFY2(truncated.error.contains("model.safetensors"), truncated.error);
        for (std::size_t i = 0; i < 4; ++i) weights[weights.size() - 4 + i] = static_cast<char>(0xff);  // the last number becomes NaN
        write("broken/model.safetensors", weights);
        Ran nan = microtome_command({"info", model});
        QCOMPARE(nan.code, 2);
        QVERIFY2(nan.error.contains("finite"), nan.error);
    }

    void an_interrupt_keeps_what_is_finished() {
        QString out = path("cancelled");
        std::string lines;
        for (int i = 0; i < 300; ++i)
            lines += R"({"clean": "c a d b f g h i j k l a", "corrupt": "m a e b n g h i j k l a", "answer": "d", "foil": "e"})"
                     "\n";
        write("long.jsonl", lines);
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome",
                      {"activation-patching", "--model", planted, "--threads", "1", "--preset", "attn_head_pattern_dest_src_pos", "--pairs",
                       path("long.jsonl"), "--batch-tokens", "120", "--out", out, "--figures", "none", "--metric", "logit_diff"});
        process.waitForStarted();
        QElapsedTimer starting;
        starting.start();
        QTRY_VERIFY_WITH_TIMEOUT(catches_interrupts(process.processId()), 60'000);
        QThread::msleep(static_cast<unsigned long>(700 + 2 * starting.elapsed()));  // past loading, however slow this machine is
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(20'000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 3);
        QVERIFY(read_json((out + "/manifest.json").toStdString())["complete"] == Json(false));
        Json effect = read_json((out + "/result.json").toStdString())["views"]["effect"];
        QVERIFY(effect["mask"].is_array());
    }
};

QTEST_GUILESS_MAIN(TestCommand)
#include "test_command.moc"
