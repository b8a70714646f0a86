// HDF5 on a thread that ends before the program: the library closes in peace at exit, whatever failed on that thread.
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <thread>

#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/store_reader.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

namespace {

template <class F>
bool refused(F&& f) {
    try {
        f();
        return false;
    } catch (const Error&) {
        return true;
    }
}

// A group and a dataset outlive their file's close.
void write(const std::filesystem::path& folder) {
    h5::File file(folder / "written.h5", h5::Mode::create);
    h5::Group views = file.create_group("views");
    const std::vector<std::string> names{"a", "b"};
    const h5::Dataset kept = views.write_strings("names", names);
    file.close();
}

bool fail(const std::filesystem::path& folder) {
    write_file(folder / "text.h5", "not a store");
    const h5::File file(folder / "written.h5");
    return refused([&] { h5::File(folder / "text.h5"); }) && refused([&] { file.dataset("views/names").read<float>(); }) &&
           refused([&] { h5::File(folder / "none" / "x.h5", h5::Mode::create); });
}

// The part after --exit: 0 if all went as it should.
int run(const std::string& what, const std::filesystem::path& folder) {
    bool good = true;
    std::thread([&] {
        write(folder);
        if (what == "fail") good = fail(folder);
        if (what == "store") sample::write(folder / "s.h5", h5::Type::float32, 20, 7);
    }).join();
    return good ? 0 : 1;
}

}  // namespace

class TestH5Exit : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void nothing_is_said_at_exit_data() {
        QTest::addColumn<QString>("what");
        for (const char* what : {"write", "fail", "store"}) QTest::newRow(what) << what;
    }
    void nothing_is_said_at_exit() {
        QFETCH(QString, what);
        QTemporaryDir folder;
        QProcess child;
        child.start(QCoreApplication::applicationFilePath(), {"--exit", what, folder.path()});
        QVERIFY(child.waitForFinished(60'000));
        QCOMPARE(child.exitCode(), 0);
        const QByteArray said = child.readAllStandardError();
        QVERIFY2(said.isEmpty(), said);
    }
};

int main(int argc, char** argv) {
    if (argc == 4 && std::string_view(argv[1]) == "--exit") return run(argv[2], argv[3]);
    QCoreApplication app(argc, argv);
    TestH5Exit test;
    return QTest::qExec(&test, argc, argv);
}

#include "test_h5_exit.moc"
