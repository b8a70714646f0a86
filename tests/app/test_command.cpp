// The command as a user types it: results, replay, sessions, stores, and what each mistake says.
#include <QtTest>
#include <csignal>

#include "analyses/views/serialize.h"
#include "command.h"
#include "core/base/files.h"
#include "core/base/safetensors.h"
#include "hooks/store/h5.h"

using namespace microtome;

namespace {

const QString planted = "planted";
const QStringList pair{"--clean", "c a d b a", "--corrupt", "c a e b a", "--answer", "d", "--foil", "e"};

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
        for (const char* name : {"list", "info", "run", "replay", "cache", "gradients", "query", "diff", "generate", "tokenize", "logits",
                                 "eval", "train", "lens-train", "selftest", "activation-patching", "attention-patterns", "head-scores"})
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

    // The examples of formats.md, all in one run, which replays.
    void documented_interventions_run() {
        QString page = QString::fromStdString(read_file(MICROTOME_SOURCE_DIR "/resources/docs/formats.md"));
        QStringList examples = page.section("```intervene\n", 1, 1).section("```", 0, 0).split('\n', Qt::SkipEmptyParts);
        QVERIFY(examples.size() >= 12);
        write(
            "pairs.jsonl",
            R"({"id": "p1", "clean": "when ann and tom went to the park , tom gave a ball to", "corrupt": "when ann and tom went to the park , ann gave a ball to", "answer": "ann", "foil": "tom", "spans": {"S2": 9}}
{"id": "p2", "clean": "when tom and ann went to the park , ann gave a ball to", "corrupt": "when tom and ann went to the park , tom gave a ball to", "answer": "tom", "foil": "ann", "spans": {"S2": 9}}
)");
        write_json(path("vector.json").toStdString(), {{"direction", std::vector<double>(128, 0.25)}});
        QStringList arguments{"activation-patching", "--model",   "tinyworld", "--device",    "cpu",  "--pairs",
                              "pairs.jsonl",         "--preset",  "resid_pre", "--positions", "last", "--metric",
                              "logit_diff",          "--figures", "none"};
        QStringList changed = arguments + QStringList{"--out", "changed"};
        for (const QString& example : examples) changed += {"--intervene", example};
        Ran ran = microtome_command(changed, folder_.path());
        QVERIFY2(ran.code == 0, ran.error);
        Json manifest = read_json(path("changed/manifest.json").toStdString());
        QCOMPARE(static_cast<qsizetype>(manifest["interventions"].size()), examples.size());
        QVERIFY(manifest["sources"].contains("vector.json"));
        Ran again = microtome_command({"replay", "changed", "--json"}, folder_.path());
        QVERIFY2(again.code == 0, again.error);
        QCOMPARE(again.json()["bit_equal"], Json(true));
        // A session says the same, its paths seen from its own folder.
        QDir(folder_.path()).mkpath("sub");
        QFile::rename(path("vector.json"), path("sub/vector.json"));
        Json session{
            {"schema", 1},
            {"model", {{"path", "tinyworld"}, {"device", "cpu"}}},
            {"prompts", Json::array()},
            {"interventions", manifest["interventions"]},
            {"steps",
             {{{"id", "s1"}, {"run", "activation-patching"}, {"preset", "resid_pre"}, {"positions", "last"}, {"metric", "logit_diff"}}}}};
        for (const Json& prompt : manifest["params"]["prompts"]) session["prompts"].push_back(prompt);
        for (const Json& i : manifest["interventions"]) session["steps"][0]["use"].push_back(i["id"]);
        write_json(path("sub/s.microtome.json").toStdString(), session);
        Ran whole = microtome_command({"run", "sub/s.microtome.json", "--out", "s", "--figures", "none"}, folder_.path());
        QVERIFY2(whole.code == 0, whole.error);
        QVERIFY(read_json(path("s/s1/result.json").toStdString())["views"] ==
                read_json(path("changed/result.json").toStdString())["views"]);
        QCOMPARE(microtome_command({"replay", "s/s1"}, folder_.path()).code, 0);
    }

    void interventions_reach_logits_stores_and_texts() {
        write("ids.json", "[[0, 4, 2, 5], [0, 6, 3, 7]]");
        QStringList logits{"logits", "--model", planted, "--device", "cpu", "--ids", path("ids.json"), "--out"};
        QCOMPARE(microtome_command(logits + QStringList{path("plain.h5")}).code, 0);
        Ran swapped = microtome_command(logits + QStringList{path("swapped.h5"), "--intervene", "swap L1.resid_post source=1|2"});
        QVERIFY2(swapped.code == 0, swapped.error);
        auto plain = h5::File(path("plain.h5").toStdString()).read<float>("logits").values,
             changed = h5::File(path("swapped.h5").toStdString()).read<float>("logits").values;
        std::rotate(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(plain.size() / 2), plain.end());
        for (std::size_t i = 0; i < plain.size(); ++i) QVERIFY(std::abs(plain[i] - changed[i]) < 1e-4);
        Ran cached = microtome_command({"cache", "--model", planted, "--prompt", "c a d b a", "--prompt", "a b c a", "--sites", "L0.z",
                                        "--sites", "z", "--out", path("zeros.h5"), "--intervene", "zero L0.H0.z @last"});
        QCOMPARE(cached.code, 2);  // L0.z is no pattern
        cached = microtome_command({"cache", "--model", planted, "--prompt", "c a d b a", "--prompt", "a b c a", "--sites", "z", "--out",
                                    path("zeros.h5"), "--intervene", "zero L0.z @last"});
        QVERIFY2(cached.code == 0, cached.error);
        h5::File store(path("zeros.h5").toStdString());
        auto z = store.read<float>("activations/blocks.0.attn.hook_z").values;
        auto ends = store.read<std::int64_t>("prompts/offsets").values;
        std::size_t width = z.size() / static_cast<std::size_t>(ends.back());
        for (std::size_t prompt : {1, 2}) {  // the last token of each prompt, whatever stands beside it
            auto last = z.begin() + static_cast<std::ptrdiff_t>((static_cast<std::size_t>(ends[prompt]) - 1) * width);
            QVERIFY(std::all_of(last, last + static_cast<std::ptrdiff_t>(width), [](float x) { return x == 0; }));
            QVERIFY(std::any_of(last - static_cast<std::ptrdiff_t>(width), last, [](float x) { return x != 0; }));
        }
        QCOMPARE(microtome_command({"generate", "--model", planted, "--prompt", "c a d", "--intervene", "zero L0.z @7"}).code, 2);
    }

    void generation_says_the_same_however_it_is_asked() {
        QStringList arguments{"generate",
                              "--model",
                              "tinyworld",
                              "--device",
                              "cpu",
                              "--prompt",
                              "when ann and tom went to the park , tom gave a",
                              "--max-new-tokens",
                              "12",
                              "--temperature",
                              "1.2",
                              "--seed",
                              "4",
                              "--ignore-end"};
        Ran text = microtome_command(arguments), json = microtome_command(arguments + QStringList{"--json"});
        QVERIFY2(text.code == 0 && json.code == 0, text.error + json.error);
        QCOMPARE(QString::fromStdString(json.json()["text"].get<std::string>()) + '\n', QString(text.out));
        QCOMPARE(json.json()["end"], Json("length"));
        QVERIFY(microtome_command(arguments + QStringList{"--json", "--no-cache"}).json()["ids"] == json.json()["ids"]);
        QVERIFY(microtome_command(arguments + QStringList{"--json", "--seed", "5"}).json()["ids"] != json.json()["ids"]);
        QVERIFY(microtome_command(arguments + QStringList{"--json", "--intervene", "scale L3.mlp_out strength=-3"}).json()["ids"] !=
                json.json()["ids"]);
        // The text ends before a stop string, also where it stands across tokens.
        std::string made = json.json()["continuation"];
        QVERIFY(made.size() > 12);
        QString stop = QString::fromStdString(made.substr(6, 4));
        Ran cut = microtome_command(arguments + QStringList{"--json", "--stop", stop}),
            shown = microtome_command(arguments + QStringList{"--stop", stop});
        QCOMPARE(cut.json()["end"], Json("stop string"));
        QCOMPARE(cut.json()["continuation"].get<std::string>(), made.substr(0, made.find(stop.toStdString())));
        QCOMPARE(QString(shown.out), QString::fromStdString(cut.json()["text"].get<std::string>()) + '\n');
        Ran captured =
            microtome_command(arguments + QStringList{"--capture", "*.hook_z,*.hook_pattern", "--out", path("texts.h5"), "--quiet"});
        QVERIFY2(captured.code == 0, captured.error);
        QCOMPARE(captured.out, text.out);
        QCOMPARE(microtome_command(arguments + QStringList{"--capture", "z", "--out", path("texts.h5")}).code, 2);
        QCOMPARE(microtome_command(arguments + QStringList{"--capture", "z"}).code, 2);
    }

    void gradients_stand_beside_activations() {
        Ran ran = microtome_command(QStringList{"gradients", "--model", planted, "--device", "cpu", "--sites", "z,resid_post", "--out",
                                                path("grads.h5"), "--json"} +
                                    pair);
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(std::abs(ran.json()["metric"].get<double>() + 10) < 1e-4);  // the corrupted run's
        h5::File file(path("grads.h5").toStdString());
        for (const char* site : {"blocks.1.attn.hook_z", "blocks.1.hook_resid_post"}) {
            QVERIFY(file.dataset(std::string("activations/") + site).shape() == file.dataset(std::string("gradients/") + site).shape());
            auto gradient = file.read<float>(std::string("gradients/") + site).values;
            QVERIFY(std::any_of(gradient.begin(), gradient.end(), [](float x) { return x != 0; }));
        }
        QCOMPARE(microtome_command(
                     QStringList{"gradients", "--model", planted, "--sites", "z", "--metric", "rank", "--out", path("rank.h5")} + pair)
                     .code,
                 2);
    }

    void an_interrupted_text_is_kept() {
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome",
                      {"generate", "--model",      "tinyworld",        "--device",         "cpu",     "--threads",
                       "1",        "--prompt",     "when ann",         "--max-new-tokens", "60",      "--temperature",
                       "1",        "--ignore-end", "--no-cache",       "--dtype",          "float64", "--capture",
                       "*",        "--out",        path("cut_text.h5")});
        QVERIFY(process.waitForReadyRead(60'000));
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(60'000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QCOMPARE(process.exitCode(), 3);
        QByteArray text = process.readAllStandardOutput();
        QVERIFY(text.startsWith("when ann") && text.endsWith('\n'));
        QVERIFY(QFile::exists(path("cut_text.h5")));
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

    void a_failed_check_is_told_once() {
        Ran ran = microtome_command({"verify", "planted", "--tokens", "8", "--json", "--threads", "1"});  // float16 overflows there
        QCOMPARE(ran.code, 2);
        QCOMPARE(ran.json()["passed"].get<bool>(), false);
        QVERIFY2(ran.error.isEmpty(), ran.error);
    }

    void a_file_of_prompts_is_continued() {
        QTemporaryDir folder;
        const QString file = folder.filePath("prompts.jsonl");
        write_file(file.toStdString(),
                   "{\"text\": \"when tom and ann went to the park , tom gave a ball to\"}\n{\"text\": \"the capital of\", \"label\": "
                   "\"fact\"}\n");
        const QStringList command{"generate", "--prompts", file, "--max-new-tokens", "4", "--threads", "1", "--quiet"};
        Ran ran = microtome_command(command + QStringList{"--json"});
        QVERIFY2(ran.code == 0, ran.error);
        const Json made = ran.json()["generations"];
        QCOMPARE(made.size(), std::size_t{2});
        QCOMPARE(made[1]["label"].get<std::string>(), std::string("fact"));
        // Each is what it is alone.
        Ran alone =
            microtome_command({"generate", "--prompt", "the capital of", "--max-new-tokens", "4", "--threads", "1", "--quiet", "--json"});
        QCOMPARE(alone.json()["ids"].dump(), made[1]["ids"].dump());
        QCOMPARE(microtome_command(command).out.count('\n'), 2);
        QCOMPARE(microtome_command(command + QStringList{"--prompt", "x"}).code, 2);
        QCOMPARE(microtome_command({"generate", "--prompts", folder.filePath("none.jsonl")}).code, 2);
        QCOMPARE(microtome_command(command + QStringList{"--capture", "z", "--out", folder.filePath("a.h5")}).code, 2);
    }

    void conversations_are_rendered_by_the_model() {
        QTemporaryDir folder;
        const QString model = folder.filePath("chat"), file = folder.filePath("messages.json");
        QVERIFY(QDir().mkpath(model));
        for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "vocab.json"})
            QFile::copy(QStringLiteral(MICROTOME_SOURCE_DIR "/resources/models/tinyworld/") + name, model + "/" + name);
        write_file(
            (model + "/tokenizer_config.json").toStdString(),
            R"({"chat_template": "{% for m in messages %}{{ m.role }} : {{ m.content }} . {% endfor %}{% if add_generation_prompt %}answer :{% endif %}"})");
        write_file(file.toStdString(), R"([{"role": "user", "content": "the capital of france is"}])");
        Ran tokens = microtome_command({"tokenize", "--model", model, "--messages", file, "--json"});
        QVERIFY2(tokens.code == 0, tokens.error);
        QVERIFY2(tokens.out.contains("france"), tokens.out);
        Ran made =
            microtome_command({"generate", "--model", model, "--messages", file, "--max-new-tokens", "3", "--threads", "1", "--json"});
        QVERIFY2(made.code == 0, made.error);
        QCOMPARE(made.json()["ids"].size(), std::size_t{3});
        QCOMPARE(microtome_command({"generate", "--model", "planted", "--messages", file}).code, 2);
    }

    void verify_compares_runs() {
        Ran ran = microtome_command({"verify", "tinyworld", "--json", "--threads", "1"});
        QVERIFY2(ran.code == 0, ran.error);
        Json json = Json::parse(ran.out.toStdString());
        QVERIFY(json["passed"] == Json(true) && json["runs"].size() >= 5);
        for (const Json& run : json["runs"]) QVERIFY(run["first_beyond_rounding"].is_null() && !run["worst_site"].empty());
        QCOMPARE(microtome_command({"info", planted, "--processing", "center_writing"}).code, 2);
        QCOMPARE(microtome_command({"logits", "--processing", "folded", "--ids", path("none.json"), "--out", path("l.h5")}).code, 2);
    }

    void patching_engines_agree() {
        write("reference.jsonl", "{\"text\": \"c a d b a\"}\n{\"text\": \"d b c a e\"}\n");
        const QStringList common{"activation-patching", "--model",   planted, "--clean",   "c a d b a", "--corrupt",
                                 "c a e b a",           "--answer",  "d",     "--foil",    "e",         "--metric",
                                 "logit_diff",          "--threads", "1",     "--figures", "none"};
        const std::vector<QStringList> kinds{
            {"--preset", "resid_pre"},
            {"--preset", "attn_out", "--layer-window", "2", "--position-window", "3"},
            {"--site", "z,attn_out", "--replace", "zero"},
            {"--preset", "attn_head_v_by_pos", "--replace", "mean", "--reference", path("reference.jsonl")},
            {"--preset", "attn_out", "--replace", "resample", "--seed", "3", "--reference", path("reference.jsonl")}};
        for (const QStringList& kind : kinds) {
            Json effect[2];
            for (int engine = 0; engine < 2; ++engine) {
                QString out = path("engine");
                Ran ran = microtome_command(common + kind +
                                            QStringList{"--engine", engine == 0 ? "wavefront" : "loop", "--verify", "3", "--out", out});
                QVERIFY2(ran.code == 0, ran.error);
                Json manifest = read_json((out + "/manifest.json").toStdString());
                QCOMPARE(manifest["engine"], Json(engine == 0 ? "wavefront" : "loop"));
                Json result = read_json((out + "/result.json").toStdString());
                QCOMPARE(result["summary"]["verified_cells"], Json(3));
                QVERIFY(result["summary"]["largest_difference"].get<double>() < 1e-4);
                effect[engine] = result["views"]["effect"];
            }
            QCOMPARE(effect[0]["axes"], effect[1]["axes"]);
            QCOMPARE(effect[0]["shape"], effect[1]["shape"]);
            bool moves = false;
            auto numbers = [&](const Json& values) {
                Json flat = values.flatten();
                return std::vector<double>(flat.begin(), flat.end());
            };
            auto wave = numbers(effect[0]["values"]), loop = numbers(effect[1]["values"]);
            QCOMPARE(wave.size(), loop.size());
            for (std::size_t i = 0; i < wave.size(); ++i) {
                QVERIFY(std::abs(wave[i] - loop[i]) < 1e-4);
                moves = moves || wave[i] != wave[0];
            }
            QVERIFY(moves);
        }
        QCOMPARE(microtome_command(common + QStringList{"--replace", "mean"}).code, 2);
        QCOMPARE(microtome_command(common + QStringList{"--preset", "attn_head_out_all_pos", "--position-window", "2"}).code, 2);
    }

    void bench_times_this_machine() {
        for (const char* what : {"forward", "load", "store", "sweep"}) {
            Ran ran = microtome_command({"bench", what, "--model", planted, "--repeats", "1", "--batch", "3", "--length", "9", "--json"});
            QVERIFY2(ran.code == 0, ran.error);
            QVERIFY(Json::parse(ran.out.toStdString())["seconds"].get<double>() > 0);
        }
    }

    void an_interrupt_keeps_what_is_finished_data() {
        QTest::addColumn<QString>("engine");
        for (const char* engine : {"loop", "wavefront"}) QTest::newRow(engine) << engine;
    }
    void an_interrupt_keeps_what_is_finished() {
        QFETCH(QString, engine);
        QString out = path("cancelled");
        std::string lines;
        for (int i = 0; i < 400; ++i)
            lines += R"({"clean": "when tom and ann went to the park , tom gave a ball to", )"
                     R"("corrupt": "when mary and tom went to the park , ann gave a ball to", "answer": "ann", "foil": "tom"})"
                     "\n";
        write("long.jsonl", lines);
        QProcess process;
        process.start(
            MICROTOME_BIN_DIR "/microtome",
            {"activation-patching", "--model", "tinyworld", "--threads", "1", "--preset", "attn_head_by_pos_every", "--pairs",
             path("long.jsonl"), "--engine", engine, "--batch-tokens", "120", "--out", out, "--figures", "none", "--metric", "logit_diff"});
        process.waitForStarted();
        QElapsedTimer starting;
        starting.start();
        QTRY_VERIFY_WITH_TIMEOUT(catches_interrupts(process.processId()), 60'000);
        QThread::msleep(static_cast<unsigned long>(300 + starting.elapsed()));  // past loading, however slow this machine is
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
