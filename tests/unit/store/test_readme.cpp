// The lines of Python in the README read a store that was written here. Skipped (77) where Debian's Python has no h5py.
#include <QJsonArray>
#include <QJsonDocument>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/files.h"
#include "sample_store.h"

namespace {

constexpr int shown = 2;  // the README's prompt
const char* python = "/usr/bin/python3";

std::vector<microtome::StoreSite> readme_sites() {
    return {{"blocks.3.hook_resid_post", {"d_model"}, {6}, false, "", microtome::h5::Type::float32},
            {"blocks.3.attn.hook_pattern", {"n_heads"}, {3}, true, "probability", microtome::h5::Type::float32}};
}

// The fenced block that imports h5py.
QString readme_lines() {
    const QString text = QString::fromStdString(microtome::read_file(MICROTOME_SOURCE_DIR "/README.md"));
    const QRegularExpression block("^```python\\n(import h5py.*?)^```",
                                   QRegularExpression::MultilineOption | QRegularExpression::DotMatchesEverythingOption);
    return block.match(text).captured(1);
}

}  // namespace

class TestReadme : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void ten_lines() {
        const QString lines = readme_lines();
        QVERIFY(!lines.isEmpty());
        QVERIFY2(lines.count('\n') <= 10, "README: expected at most ten lines");
    }

    void read_what_was_written_data() {
        QTest::addColumn<bool>("chosen");
        QTest::newRow("every token") << false;
        QTest::newRow("some tokens, compressed") << true;
    }
    void read_what_was_written() {
        QFETCH(bool, chosen);
        QTemporaryDir folder;
        const auto sites = readme_sites();
        write(folder.filePath("acts.h5").toStdString(), sites, chosen);
        const QString show = "\nimport json\nprint(json.dumps([text[i], ids.tolist(), resid.tolist(), pattern.tolist()]))\n";
        QProcess process;
        process.setWorkingDirectory(folder.path());
        process.start(python, {"-c", readme_lines() + show});
        QVERIFY(process.waitForFinished(60000));
        QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
        const QJsonArray read = QJsonDocument::fromJson(process.readAllStandardOutput().split('\n').value(0)).array();
        QCOMPARE(read.size(), 4);
        check(read, sites);
    }

  private:
    static void write(const std::filesystem::path& file, const std::vector<microtome::StoreSite>& sites, bool chosen) {
        auto prompts = sample::prompts(0, 7);
        auto identity = sample::identity();
        if (chosen) identity.positions = "token: x";
        for (auto& prompt : prompts)
            for (std::size_t i = 0; chosen && i < prompt.ids.size(); ++i) prompt.positions.push_back(static_cast<std::int32_t>(3 * i + 1));
        microtome::StoreWriter writer(file, identity, sites, {false, chosen ? 4 : 0, {}});
        writer.add_prompts(prompts);
        for (std::size_t s = 0; s < sites.size(); ++s)
            for (std::size_t i = 0; i < prompts.size(); ++i) {
                const auto rows = sample::rows<float>(sites[s], i);
                writer.append(s, rows.data(), rows.size() / sites[s].row_values());
            }
        writer.finish();
    }

    static void check(const QJsonArray& read, const std::vector<microtome::StoreSite>& sites) {
        const auto prompt = sample::prompt(shown);
        const auto resid = sample::rows<float>(sites[0], shown), pattern = sample::rows<float>(sites[1], shown);
        const int n = static_cast<int>(prompt.ids.size());
        QVERIFY(n > 1);
        QCOMPARE(read[0].toString().toStdString(), prompt.text);
        QCOMPARE(read[1].toArray().size(), n);
        QCOMPARE(read[2].toArray().size(), n);
        QCOMPARE(read[3].toArray().size(), 3);
        for (int q = 0; q < n; ++q) {
            QCOMPARE(read[1].toArray()[q].toInt(), prompt.ids[static_cast<std::size_t>(q)]);
            for (int d = 0; d < 6; ++d)
                QCOMPARE(read[2].toArray()[q].toArray()[d].toDouble(), static_cast<double>(resid[static_cast<std::size_t>(q * 6 + d)]));
            for (int k = 0; k < n; ++k)
                for (int head = 0; head < 3; ++head)
                    QCOMPARE(read[3].toArray()[head].toArray()[q].toArray()[k].toDouble(),
                             static_cast<double>(pattern[static_cast<std::size_t>((q * n + k) * 3 + head)]));
        }
    }
};

int main(int argc, char** argv) {
    if (QProcess::execute(python, {"-c", "import h5py"}) != 0) {
        std::puts("SKIP: /usr/bin/python3 has no h5py (python3-h5py)");
        return 77;
    }
    QCoreApplication app(argc, argv);
    TestReadme test;
    return QTest::qExec(&test, argc, argv);
}

#include "test_readme.moc"
