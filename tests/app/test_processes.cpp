// mpirun -n N microtome …: results and dumps of several processes equal those of one; mistakes, kills and interrupts end them all.
// Skipped (77) without mpirun, or where the build found no Open MPI.
#include <csignal>
#include <cstdio>
#include <cstring>

#include "command.h"
#include "core/base/files.h"
#include "hooks/store/store_reader.h"

using namespace microtome;

namespace {

const QString program = MICROTOME_BIN_DIR "/microtome", ioi = MICROTOME_SOURCE_DIR "/resources/models/tinyworld/prompts/ioi.jsonl";
const QString mpirun = QStandardPaths::findExecutable("mpirun");
const QStringList plain{"--threads", "1", "--device", "cpu", "--quiet"};

// mpirun ends what is left of a job without its waits of a second.
const QStringList quick{"-q", "--oversubscribe", "--mca", "odls_base_sigkill_timeout", "0"};

QStringList of_ranks(int n, const QStringList& arguments) {
    return QStringList{"-q", "--oversubscribe", "--bind-to", "none", "-n", QString::number(n), program} + arguments;
}

Ran run_mpi(const QStringList& arguments) {
    QProcess process;
    process.start(mpirun, arguments);
    return finished(process);
}

Ran run(int ranks, const QStringList& arguments) {
    return ranks == 1 ? microtome_command(arguments) : run_mpi(of_ranks(ranks, arguments));
}

QByteArray bytes_of(const QString& file) {
    QFile opened(file);
    return opened.open(QIODevice::ReadOnly) ? opened.readAll() : QByteArray();
}

// Linux: mpirun's processes, in the order of their ranks.
QList<qint64> children_of(qint64 process) {
    QList<qint64> children;
    for (const QByteArray& id : bytes_of(QStringLiteral("/proc/%1/task/%1/children").arg(process)).split(' '))
        if (id.toLongLong() > 0) children << id.toLongLong();
    return children;
}

// It has had 1.2 seconds of a core: the model is loaded, and cells are finished.
bool computes(qint64 process) {
    return bytes_of(QStringLiteral("/proc/%1/schedstat").arg(process)).split(' ').first().toLongLong() > 1'200'000'000;
}

// Gone, or a zombie that nobody has asked for yet.
bool has_ended(qint64 process) {
    const QByteArray status = bytes_of(QStringLiteral("/proc/%1/status").arg(process));
    return status.isEmpty() || status.contains("State:\tZ");
}

qsizetype lines_in(const QByteArray& text) {
    return text.trimmed().isEmpty() ? 0 : text.trimmed().count('\n') + 1;
}

}  // namespace

class TestProcesses : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString path(const QString& name) const { return folder_.filePath(name); }
    QString few() const { return path("few.jsonl"); }  // pairs

    // Long enough to be interrupted anywhere: the whole model for each of many cells.
    QStringList long_sweep(const QString& out) const {
        return QStringList{"activation-patching",
                           "--pairs",
                           ioi,
                           "--preset",
                           "attn_head_by_pos_every",
                           "--engine",
                           "loop",
                           "--batch-tokens",
                           "1",
                           "--out",
                           out,
                           "--figures",
                           "none"} +
               plain;
    }
    QStringList dump() const {
        return QStringList{"cache",
                           "--prompts",
                           path("prompts.jsonl"),
                           "--sites",
                           "blocks.*.hook_resid_post,blocks.0.attn.hook_z,pattern,unembed.hook_out",
                           "--batch-tokens",
                           "64"} +
               plain;
    }
    QStringList dump_to(const QString& out) const { return dump() + QStringList{"--out", out}; }

  private Q_SLOTS:
    void initTestCase() {
        qputenv("OMPI_ALLOW_RUN_AS_ROOT", "1");
        qputenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        std::string lines;
        for (int i = 0; i < 100; ++i) {
            std::string text = "when";
            for (int t = 0; t < i % 11; ++t) text += t % 2 ? " tom" : " ann";
            lines += "{\"text\": \"" + text + "\", \"label\": \"l" + std::to_string(i % 2) + "\"}\n";
        }
        write_file(path("prompts.jsonl").toStdString(), lines);
        const QByteArrayList pairs = bytes_of(ioi).split('\n');
        write_file(few().toStdString(), pairs.mid(0, 20).join('\n').toStdString());
    }

    void results_equal_those_of_one_process_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QList<int>>("ranks");
        const QStringList sweep{"activation-patching", "--pairs", few(), "--verify", "9", "--resamples", "100"};
        const auto row = [](const char* name, const QList<int>& ranks, const QStringList& arguments) {
            QTest::newRow(name) << arguments << ranks;
        };
        row("streams", {2, 3}, sweep + QStringList{"--preset", "resid_pre", "--batch-tokens", "50"});
        row("heads", {2}, sweep + QStringList{"--preset", "attn_head_all_pos_every", "--metric", "kl", "--batch-tokens", "200"});
        row("patterns, noise", {3},
            sweep + QStringList{"--preset", "attn_head_pattern_by_pos", "--direction", "noise", "--metric", "logit_diff"});
        row("loop", {3}, sweep + QStringList{"--preset", "attn_out", "--engine", "loop", "--batch-tokens", "100"});
        row("zeros, intervention", {2},
            sweep + QStringList{"--preset", "mlp_out", "--replace", "zero", "--metric", "prob", "--intervene", "zero L0.H1.z @last"});
        row("paths", {2}, {"path-patching", "--pairs", few(), "--batch-tokens", "300"});
        row("attribution", {3}, {"attribution-patching", "--pairs", few(), "--audit", "20", "--batch-tokens", "100"});
    }
    void results_equal_those_of_one_process() {
        QFETCH(QStringList, arguments);
        QFETCH(QList<int>, ranks);
        QByteArray alone;
        for (int n : QList<int>{1} + ranks) {
            const QString out = path(QString("%1-%2").arg(QTest::currentDataTag()).arg(n));
            const Ran ran = run(n, arguments + plain + QStringList{"--figures", "none", "--out", out});
            QVERIFY2(ran.code == 0, ran.error);
            QCOMPARE(ran.error, QByteArray());
            QCOMPARE(ran.out, QByteArray());
            const QByteArray result = bytes_of(out + "/result.json");
            if (n == 1) alone = result;
            QVERIFY(!result.isEmpty() && result == alone);
            const Json manifest = read_json((out + "/manifest.json").toStdString());
            QCOMPARE(manifest.value("processes", 1), n);
        }
    }

    void the_work_is_really_shared() {
        const QStringList arguments =
            QStringList{"activation-patching", "--pairs", few(), "--preset", "resid_pre", "--batch-tokens", "50", "--json"} + plain;
        const Ran ran = run(2, arguments);
        QVERIFY2(ran.code == 0, ran.error);
        const std::string plan = ran.json()["manifest"]["batch_plan"].get<std::string>();
        QVERIFY2(std::stoi(plan) >= 4, plan.c_str());  // so that each process had some
    }

    void a_result_of_several_replays_in_one() {
        const QString out = path("replayed");
        const Ran ran = run(
            2, QStringList{"activation-patching", "--pairs", few(), "--preset", "resid_mid", "--figures", "none", "--out", out} + plain);
        QVERIFY2(ran.code == 0, ran.error);
        const Ran again = microtome_command({"replay", out, "--json"});
        QVERIFY2(again.code == 0, again.error);
        QCOMPARE(again.json()["bit_equal"], Json(true));
    }

    void dumps_equal_those_of_one_process_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QList<int>>("ranks");
        const auto row = [](const char* name, const QList<int>& ranks, const QStringList& arguments) {
            QTest::newRow(name) << arguments << ranks;
        };
        row("plain", {2, 3}, dump());
        row("half, compressed, some tokens", {3}, dump() + QStringList{"--store", "float16", "--compress", "3", "--positions", "0,-1"});
        row("one batch, double, intervention", {3},
            dump() + QStringList{"--limit", "3", "--dtype", "float64", "--store", "float64", "--intervene", "zero L0.H1.z @last"});
        const QStringList gradients{"gradients", "--pairs", few(), "--sites", "blocks.*.hook_resid_post", "--batch-tokens", "60"};
        row("gradients", {3}, gradients + QStringList{"--metric", "kl"} + plain);
    }
    void dumps_equal_those_of_one_process() {
        QFETCH(QStringList, arguments);
        QFETCH(QList<int>, ranks);
        const auto file = [](int n) { return QString("%1-%2.h5").arg(QTest::currentDataTag()).arg(n); };
        const QString one = path(file(1));
        for (int n : QList<int>{1} + ranks) {
            const QString out = path(file(n));
            const Ran ran = run(n, arguments + QStringList{"--out", out});
            QVERIFY2(ran.code == 0, ran.error);
            QVERIFY(!QFile::exists(out + ".part"));
            if (n == 1) continue;
            compare_stores(one, out);
            if (n != ranks.back()) continue;
            const Ran diff = microtome_command({"diff", one, out, "--json", "--fail-above", "0"});
            QVERIFY2(diff.code == 0, diff.error);
            if (const QString h5diff = QStandardPaths::findExecutable("h5diff"); !h5diff.isEmpty())
                QCOMPARE(QProcess::execute(h5diff, {"-c", one, out}), 0);
        }
    }

    void a_killed_dump_is_resumed_by_another_number_of_processes() {
        const QString whole = path("whole.h5"), cut = path("cut.h5");
        QVERIFY(run(1, dump_to(whole)).code == 0);
        QProcess process;
        process.start(mpirun, of_ranks(2, dump_to(cut)));
        for (int i = 0; i < 20'000 && !QFile::exists(cut + ".part") && process.state() != QProcess::NotRunning; ++i)
            process.waitForFinished(1);
        process.waitForFinished(20);
        for (qint64 child : children_of(process.processId())) kill(static_cast<pid_t>(child), SIGKILL);
        finished(process);
        const Ran ran = run(3, dump_to(cut) + QStringList{"--resume"});
        QVERIFY2(ran.code == 0, ran.error);
        compare_stores(whole, cut);
        const Ran nothing_left = run(2, dump_to(cut) + QStringList{"--resume"});
        QVERIFY2(nothing_left.code == 0, nothing_left.error);
    }

    void a_mistake_is_one_line_and_exit_2_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("names");
        const QStringList patch{program, "activation-patching", "--pairs", few()};
        QTest::newRow("option") << QStringList{"-n", "2"} + patch + QStringList{"--prest", "x"} << "--prest";
        QTest::newRow("file") << QStringList{"-n",      "2", program,   "cache", "--prompt",     "when",
                                             "--sites", "z", "--quiet", "--out", "/nowhere/x.h5"}
                              << "/nowhere";
        QTest::newRow("command") << QStringList{"-n", "2", program, "head-scores"} << "2 processes of head-scores";
        // Only one of the processes has it: by another command line, an option, a model that is not on its computer.
        QTest::newRow("option of rank 1") << QStringList{"-n", "1"} + patch + QStringList{":", "-n", "1"} + patch +
                                                 QStringList{"--preset", "resid"}
                                          << "process 1: activation-patching: preset";
        QTest::newRow("model of rank 0") << QStringList{"-n", "1"} + patch + QStringList{"--model", "/nowhere", ":", "-n", "2"} + patch
                                         << "/nowhere";
    }
    void a_mistake_is_one_line_and_exit_2() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, names);
        const Ran ran = run_mpi(quick + arguments);
        QCOMPARE(ran.code, 2);
        QVERIFY2(lines_in(ran.error) == 1 && ran.error.contains(names.toUtf8()), ran.error);
        QCOMPARE(ran.out, QByteArray());
    }

    void a_build_without_open_mpi_says_so() {
        QVERIFY(QFile::copy(program, path("microtome")));
        const Ran ran = run_mpi({"-q", "--oversubscribe", "-n", "2", path("microtome"), "activation-patching", "--pairs", ioi});
        QCOMPARE(ran.code, 2);
        QVERIFY2(lines_in(ran.error) == 1 && ran.error.contains("a build with Open MPI (libopenmpi-dev)"), ran.error);
        QCOMPARE(run_mpi({"-q", "-n", "1", path("microtome"), "--version"}).code, 0);
    }

    void only_rank_0_talks() {
        const Ran version = run(3, {"--version"});
        QCOMPARE(version.code, 0);
        QCOMPARE(lines_in(version.out), 1);
        const QStringList arguments{"activation-patching", "--pairs", few(), "--preset", "resid_pre", "--threads", "1", "--device", "cpu"};
        const Ran one = run(1, arguments), two = run(2, arguments);
        QCOMPARE(two.code, 0);
        QCOMPARE(two.out, one.out);
        const Ran estimate = run(2, dump_to(path("none.h5")) + QStringList{"--estimate"}),
                  of_one = run(1, dump_to(path("none.h5")) + QStringList{"--estimate"});
        QCOMPARE(estimate.out, of_one.out);
        QVERIFY(!QFile::exists(path("none.h5")) && !QFile::exists(path("none.h5.part")));
    }

    void cores_are_shared_out_unless_threads_are_given() {
        const QStringList arguments{"activation-patching", "--pairs", few(), "--device", "cpu", "--quiet", "--json"};
        const auto threads = [&](const QStringList& more) { return run(2, arguments + more).json()["manifest"]["threads"].get<int>(); };
        QCOMPARE(threads({"--threads", "3"}), 3);
        const int own = threads({});
        QVERIFY(own >= 1 && own <= std::max(1, QThread::idealThreadCount() / 2));
    }

    void a_killed_rank_ends_all_data() {
        QTest::addColumn<int>("which");
        QTest::addColumn<int>("signal");
        QTest::newRow("rank 1") << 1 << SIGKILL;
        QTest::newRow("rank 0") << 0 << SIGKILL;
        QTest::newRow("rank 1, interrupted") << 1 << SIGINT;
    }
    void a_killed_rank_ends_all() {
        QFETCH(int, which);
        QFETCH(int, signal);
        QProcess process;
        process.start(mpirun, quick + of_ranks(2, long_sweep(path("killed"))));
        QTRY_COMPARE_WITH_TIMEOUT(children_of(process.processId()).size(), 2, 20'000);
        const QList<qint64> children = children_of(process.processId());
        QTRY_VERIFY_WITH_TIMEOUT(computes(children[which]), 60'000);
        kill(static_cast<pid_t>(children[which]), signal);
        QVERIFY(process.waitForFinished(30'000));
        QCOMPARE(process.exitCode(), 128 + signal);
        for (qint64 child : children) QTRY_VERIFY_WITH_TIMEOUT(has_ended(child), 10'000);
    }

    void an_interrupt_keeps_what_is_finished_data() {
        QTest::addColumn<bool>("of_mpirun");
        QTest::newRow("Ctrl-C") << true;
        QTest::newRow("rank 0") << false;
    }
    void an_interrupt_keeps_what_is_finished() {
        QFETCH(bool, of_mpirun);
        const QString out = path(of_mpirun ? "interrupted" : "interrupted0");
        QProcess process;
        process.start(mpirun, of_ranks(2, long_sweep(out)));
        QTRY_COMPARE_WITH_TIMEOUT(children_of(process.processId()).size(), 2, 20'000);
        const qint64 first = children_of(process.processId())[0], target = of_mpirun ? process.processId() : first;
        QTRY_VERIFY_WITH_TIMEOUT(computes(first), 60'000);
        kill(static_cast<pid_t>(target), SIGINT);
        const Ran ran = finished(process);
        QVERIFY2(ran.code != 0, ran.error);
        if (!of_mpirun) QCOMPARE(ran.code, 3);
        QCOMPARE(ran.error.count("cancelled; what was finished is kept"), 1);
        QCOMPARE(read_json((out + "/manifest.json").toStdString())["complete"], Json(false));
        const Json effect = read_json((out + "/result.json").toStdString())["views"]["effect"];
        QVERIFY(effect["mask"].dump().find('1') != std::string::npos || effect["mask"].dump().find("true") != std::string::npos);
    }

  private:
    // Every value and every name, bit by bit.
    static void compare_stores(const QString& first, const QString& second) {
        const StoreReader a(first.toStdString()), b(second.toStdString());
        QCOMPARE(b.prompts(), a.prompts());
        QCOMPARE(b.metrics(), a.metrics());
        QCOMPARE(b.offsets(), a.offsets());
        QCOMPARE(b.offsets2(), a.offsets2());
        QCOMPARE(b.sites().size(), a.sites().size());
        for (std::size_t p = 0; p < a.prompts(); ++p) {
            const StorePrompt one = a.prompt(p), other = b.prompt(p);
            QVERIFY(one.text == other.text && one.ids == other.ids && one.positions == other.positions && one.label == other.label);
            for (const StoreSite& site : a.sites()) {
                const auto x = a.read<double>(site.key(), p).values, y = b.read<double>(site.key(), p).values;
                QCOMPARE(y.size(), x.size());
                QVERIFY(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0);
            }
        }
    }
};

int main(int argc, char** argv) {
    if (mpirun.isEmpty() || !QFile::exists(MICROTOME_BIN_DIR "/libmicrotome_mpi.so")) {
        std::printf("SKIP: %s\n", mpirun.isEmpty() ? "no mpirun (openmpi-bin)" : "the build found no Open MPI (libopenmpi-dev)");
        return 77;
    }
    QCoreApplication app(argc, argv);
    TestProcesses test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_processes.moc"
