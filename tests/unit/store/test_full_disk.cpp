// A disk that fills up at any moment: one clear line, no crash, nothing lost that was there, and the store goes on once there is room.
#include <sys/resource.h>

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/store_reader.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

namespace {

constexpr std::size_t prompts = 60, batch = 7;

StoreWriter::Options options(int deflate) {
    return {true, deflate, sample::plan(prompts)};
}

// The part after --write: writes or continues a store where no file may grow beyond `limit` bytes. As `microtome` does: 2 for an Error.
int write_limited(const char* file, int deflate, rlim_t limit) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit most{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &most);
    try {
        sample::write(file, h5::Type::float32, prompts, batch, options(deflate));
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}

struct Ran {
    int code = -1;
    QByteArray said;
};

Ran run_limited(const QString& file, int deflate, quint64 limit) {
    QProcess child;
    child.start(QCoreApplication::applicationFilePath(), {"--write", file, QString::number(deflate), QString::number(limit)});
    Ran ran;
    if (!child.waitForFinished(60'000)) return ran;
    ran.code = child.exitStatus() == QProcess::NormalExit ? child.exitCode() : -2;
    ran.said = child.readAllStandardError();
    return ran;
}

bool same_store(const std::filesystem::path& a, const std::filesystem::path& b) {
    const StoreReader one(a), two(b);
    if (one.prompts() != two.prompts() || one.sites().size() != two.sites().size()) return false;
    for (std::size_t p = 0; p < one.prompts(); ++p) {
        if (one.prompt(p).text != two.prompt(p).text || one.prompt(p).ids != two.prompt(p).ids) return false;
        for (const StoreSite& site : one.sites()) {
            const auto x = one.read<float>(site.name, p).values, y = two.read<float>(site.name, p).values;
            if (x.size() != y.size() || (!x.empty() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) != 0)) return false;
        }
    }
    return true;
}

}  // namespace

class TestFullDisk : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path at(const QString& name) const { return folder_.filePath(name).toStdString(); }

    // Limits up to the size of the finished store: refused in one line, then continued without a limit. By hand: MICROTOME_STEP=61.
    void sweep(int deflate, const std::filesystem::path& begun) {
        const int fine = qEnvironmentVariableIntValue("MICROTOME_STEP");
        const quint64 small = fine > 0 ? static_cast<quint64>(fine) : 1021, large = fine > 0 ? small : 16411;
        const auto whole = at("whole.h5");
        std::filesystem::remove(whole);
        sample::write(whole, h5::Type::float32, prompts, batch, options(deflate));
        const auto size = std::filesystem::file_size(whole);
        int refused = 0;
        for (quint64 limit = 0; limit < size + large; limit += limit < 13'000 ? small : large) {
            const auto file = at("limited.h5");
            for (const char* end : {"", ".part", ".part.journal"}) std::filesystem::remove(file.string() + end);
            if (!begun.empty()) std::filesystem::copy_file(begun, file);
            const Ran ran = run_limited(QString::fromStdString(file.string()), deflate, limit);
            const QByteArray where = "limit " + QByteArray::number(limit) + ", exit " + QByteArray::number(ran.code) + ": " + ran.said;
            if (ran.code == 2) {
                ++refused;
                QVERIFY2(ran.said.count('\n') == 1 && ran.said.contains("expected") && ran.said.contains("limited.h5"), where);
                QVERIFY2(ran.said.contains("File too large"), where);
            } else {
                QVERIFY2(ran.code == 0 && ran.said.isEmpty(), where);
            }
            for (const QString& left : QDir(folder_.path()).entryList(QDir::Files)) QVERIFY2(!left.contains("tmp"), qPrintable(left));
            sample::write(file, h5::Type::float32, prompts, batch, options(deflate));
            QVERIFY2(same_store(file, whole), where);
        }
        QVERIFY(refused > 10);
    }

  private Q_SLOTS:
    void a_new_store_data() {
        QTest::addColumn<int>("deflate");
        QTest::newRow("plain") << 0;
        QTest::newRow("compressed") << 4;
    }
    void a_new_store() {
        QFETCH(int, deflate);
        sweep(deflate, {});
    }

    void a_finished_store_that_is_continued_data() { a_new_store_data(); }
    void a_finished_store_that_is_continued() {
        QFETCH(int, deflate);
        const auto begun = at("begun.h5");
        std::filesystem::remove(begun);
        sample::write(begun, h5::Type::float32, prompts / 2, batch, options(deflate));
        sweep(deflate, begun);
    }
};

int main(int argc, char** argv) {
    if (argc == 5 && std::string_view(argv[1]) == "--write")
        return write_limited(argv[2], std::atoi(argv[3]), static_cast<rlim_t>(std::atoll(argv[4])));
    QCoreApplication app(argc, argv);
    TestFullDisk test;
    return QTest::qExec(&test, argc, argv);
}

#include "test_full_disk.moc"
