// microtome gradients as a user runs it: kills, other metrics, a full disk, what the file says its gradients are of.
#include <QtTest>

#include "command.h"
#include "core/base/files.h"
#include "hooks/store/store_reader.h"
#include "kill_stores.h"

using namespace microtome;

namespace {

const QStringList model{"--model", "planted", "--threads", "1"};

Ran gradients(const QStringList& arguments) {
    return microtome_command(QStringList{"gradients"} + model + arguments);
}

// Letters, 2 to 15 of them; neighbours are often equally long, so that batches hold several. `foil`: of every pair.
std::string pair_lines(int first, int count, char foil = 'n') {
    std::string lines;
    for (int i = first; i < first + count; ++i) {
        std::string texts[2];
        for (int side = 0; side < 2; ++side) {
            texts[side] = "a";
            for (int t = 0; t < 1 + i / 3 % 14; ++t)
                texts[side] += std::string(" ") + static_cast<char>('a' + (i * 5 + t * 3 + side * 2) % 14);
        }
        lines += R"({"clean": ")" + texts[0] + R"(", "corrupt": ")" + texts[1] + R"(", "answer": ")" + static_cast<char>('a' + i % 12) +
                 R"(", "foil": ")" + foil + "\", \"label\": \"" + (i % 3 ? "odd" : "third") + "\"}\n";
    }
    return lines;
}

}  // namespace

class TestGradientStore : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString path(const QString& name) const { return folder_.filePath(name); }
    std::filesystem::path file(const QString& name) const { return path(name).toStdString(); }
    QStringList basic(const QString& pairs = "p.jsonl", const QString& metric = "logit_diff") const {
        return {"--pairs",        path(pairs), "--sites",  "blocks.*.hook_resid_post,blocks.0.attn.hook_z,pattern",
                "--batch-tokens", "64",        "--metric", metric};
    }

  private Q_SLOTS:
    void initTestCase() {
        write_file(file("p.jsonl"), pair_lines(0, 60));
        write_file(file("longer.jsonl"), pair_lines(0, 90));
        write_file(file("other.jsonl"), pair_lines(0, 60, 'm'));
        const Ran ran = gradients(basic() + QStringList{"--out", path("all.h5")});
        QVERIFY2(ran.code == 0, ran.error);
    }

    void the_file_says_what_its_gradients_are_of() {
        const StoreReader store(file("all.h5"));
        QCOMPARE(store.identity().metric, std::string("logit_diff"));
        QCOMPARE(store.identity().metric_run, std::string("corrupt"));
        QCOMPARE(store.sites().size(), std::size_t(10));
        for (const StoreSite& site : store.sites())
            if (site.gradient) QVERIFY(store.find(site.name) && site.key() == "gradients/" + site.name);
        const Ran again = gradients(basic() + QStringList{"--out", path("json.h5"), "--json"});
        double sum = 0;
        for (double value : store.metrics()) sum += value;
        QCOMPARE(again.json()["metric"].get<double>(), sum / 60);
        QVERIFY(sum != 0);
        const Json question = parse_json(store.prompt(3).question, "question");
        QCOMPARE(question["answer"].size(), std::size_t(1));
        QVERIFY(question["answer"] != question["foil"] && !question.contains("clean"));
        QCOMPARE(store.prompt(3).label, std::string("third"));
        const Ran kl = gradients(basic("p.jsonl", "kl") + QStringList{"--run", "clean", "--out", path("kl.h5")});
        QVERIFY2(kl.code == 0, kl.error);
        const StoreReader of_kl(file("kl.h5"));
        QCOMPARE(of_kl.identity().metric_text(), std::string("kl of the clean prompts"));
        const Json asked = parse_json(of_kl.prompt(3).question, "question");
        QVERIFY(asked.contains("clean") && !asked.contains("answer"));
        for (double value : of_kl.metrics()) QVERIFY(std::abs(value) < 1e-5);  // of the clean run from itself
    }

    void killed_again_and_again_it_ends_equal_data() {
        QTest::addColumn<QStringList>("more");
        QTest::newRow("plain") << QStringList{};
        QTest::newRow("compressed, kl") << QStringList{"--compress", "3", "--metric-expr", "kl()"};
    }
    void killed_again_and_again_it_ends_equal() {
        QFETCH(QStringList, more);
        write_file(file("many.jsonl"), pair_lines(0, 1500));
        const QString whole = path("whole.h5"), cut = path("cut.h5");
        for (const QString& old : {whole, cut}) QFile::remove(old);
        const QStringList arguments = basic("many.jsonl") + more;
        const Ran once = gradients(arguments + QStringList{"--out", whole, "--json"});
        QVERIFY2(once.code == 0, once.error);
        QVERIFY(kill_store_again_and_again(QStringList{"gradients"} + model + arguments, cut, 1500) > 0);
        const Ran ran = gradients(arguments + QStringList{"--out", cut, "--resume", "--json"});
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(!QFile::exists(cut + ".part") && !QFile::exists(cut + ".part.journal"));
        QVERIFY(ran.json()["metric"] == once.json()["metric"]);
        const Ran diff = microtome_command({"diff", whole, cut, "--fail-above", "0", "--json"});
        QVERIFY2(diff.code == 0 && diff.json()["sites"].size() == 10 && diff.json()["equal"] == Json(true), diff.error);
        if (!QStandardPaths::findExecutable("h5diff").isEmpty()) QCOMPARE(QProcess::execute("h5diff", {"-c", whole, cut}), 0);
    }

    void a_finished_store_takes_more_prompts() {
        QVERIFY(QFile::copy(path("all.h5"), path("more.h5")));
        const Ran more = gradients(basic("longer.jsonl") + QStringList{"--out", path("more.h5"), "--resume"});
        QVERIFY2(more.code == 0, more.error);
        const Ran once = gradients(basic("longer.jsonl") + QStringList{"--out", path("once.h5")});
        QVERIFY2(once.code == 0, once.error);
        const Ran diff = microtome_command({"diff", path("once.h5"), path("more.h5"), "--json"});
        QVERIFY2(diff.code == 0 && diff.json()["equal"] == Json(true) && diff.json()["prompts"] == Json(90), diff.out + diff.error);
    }

    void another_run_does_not_continue_a_store_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("says");
        QTest::newRow("metric") << basic("p.jsonl", "prob_diff") << "attribute metric: expected prob_diff (this run), got logit_diff";
        QTest::newRow("run") << basic() + QStringList{"--run", "clean"} << "attribute metric_run: expected clean (this run), got corrupt";
        QTest::newRow("foil") << basic("other.jsonl") << "prompt 0: expected a metric that reads {\"answer\":[";
        QTest::newRow("intervention") << basic() + QStringList{"--intervene", "zero L0.attn_out"} << "attribute interventions: expected [{";
    }
    void another_run_does_not_continue_a_store() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, says);
        const std::string before = read_file(file("all.h5"));
        const Ran ran = gradients(arguments + QStringList{"--out", path("all.h5"), "--resume"});
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains(says.toUtf8()) && ran.error.count('\n') == 1, ran.error);
        QVERIFY(read_file(file("all.h5")) == before);
        QVERIFY(!QFile::exists(path("all.h5.part")));
    }

    void stores_of_activations_and_of_gradients_are_not_mixed() {
        const QStringList sites{"--sites", "blocks.*.hook_resid_post,blocks.0.attn.hook_z,pattern"};
        write_file(file("texts.jsonl"), "{\"text\": \"a b c\"}\n");
        const Ran ran = microtome_command(QStringList{"cache"} + model + sites +
                                          QStringList{"--prompts", path("texts.jsonl"), "--out", path("all.h5"), "--resume"});
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains("attribute metric: expected none (this run), got logit_diff"), ran.error);
    }

    // No file may grow beyond the limit, as on a disk that is full: one line, and the store goes on once there is room.
    void a_full_disk_is_one_line_and_the_store_goes_on() {
        const qint64 size = QFileInfo(path("all.h5")).size();
        int refused = 0;
        for (qint64 kilobytes : {qint64(1), qint64(20), size / 4096, size / 2048, size / 1024 - 8}) {
            const QString out = path("full.h5");
            for (const char* end : {"", ".part", ".part.journal"}) QFile::remove(out + end);
            QProcess limited;
            QStringList command{"-c",
                                R"(trap '' XFSZ; ulimit -f "$1"; shift; exec "$@")",
                                "bash",
                                QString::number(kilobytes),
                                MICROTOME_BIN_DIR "/microtome",
                                "gradients"};
            limited.start("bash", command + model + basic() + QStringList{"--out", out});
            const Ran ran = finished(limited);
            QVERIFY2(ran.code == 2 && ran.error.contains("File too large"), ran.error);
            QCOMPARE(ran.error.count("expected"), 1);
            ++refused;
            const Ran more = gradients(basic() + QStringList{"--out", out, "--resume"});
            QVERIFY2(more.code == 0, more.error);
            const Ran diff = microtome_command({"diff", path("all.h5"), out, "--fail-above", "0", "--quiet"});
            QVERIFY2(diff.code == 0, diff.error);
        }
        QCOMPARE(refused, 5);
    }
};

QTEST_GUILESS_MAIN(TestGradientStore)
#include "test_gradient_store.moc"
