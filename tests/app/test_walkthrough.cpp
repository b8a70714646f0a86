// The walk-through of resources/docs/walkthrough.md as one command: the session that comes with the program, from any folder, and the
// numbers of the page.
#include <QElapsedTimer>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/files/session_file.h"
#include "analyses/views/serialize.h"
#include "command.h"

using namespace microtome;

namespace {

/// "0.92" of a grid of layers by heads, at "L2.H2".
double at_head(const Grid& grid, const QString& head) {
    for (std::size_t i = 0; i < grid.size(); ++i) {
        const std::size_t heads = grid.axes[1].size();
        if (head == QStringLiteral("L%1.H%2").arg(i / heads).arg(i % heads)) return grid.values[i];
    }
    return std::nan("");
}

QString text_of(const Cell& cell) {
    if (const auto* text = std::get_if<std::string>(&cell)) return QString::fromStdString(*text);
    const auto* number = std::get_if<std::int64_t>(&cell);
    return number ? QString::number(*number) : QString();
}

/// How a row is called: "L0.H1" of columns of layer and head, "layer 2 rank 0 james" of what a lens reads, else its first cell.
QString name_of(const Table& table, const std::vector<Cell>& cells) {
    if (table.columns[0].name != "layer") return text_of(cells[0]);
    if (table.columns[1].name == "head") return "L" + text_of(cells[0]) + ".H" + text_of(cells[1]);
    return "layer " + text_of(cells[0]) + " rank " + text_of(cells[1]) + " " + text_of(cells[2]);
}

/// Of the row of this name, the column of this name.
double at_row(const Table& table, const QString& row, const QString& column) {
    std::size_t wanted = 0;
    while (wanted < table.columns.size() && QString::fromStdString(table.columns[wanted].name) != column) ++wanted;
    for (const auto& cells : table.rows) {
        if (name_of(table, cells) == row && wanted < cells.size()) return std::get<double>(cells[wanted]);
    }
    return std::nan("");
}

}  // namespace

class TestWalkthrough : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString out(const QString& file = {}) const { return folder_.filePath("out") + "/" + file; }
    double told(const QString& step, const QString& view, const QString& place) const {
        const Result result = read_result(out(step).toStdString());
        if (view == "summary") {
            for (const auto& [name, value] : result.summary)
                if (QString::fromStdString(name) == place) return value;
            return std::nan("");
        }
        const NamedView* found = result.find(view.toStdString());
        if (!found) return std::nan("");
        if (const auto* grid = std::get_if<Grid>(&found->view)) return at_head(*grid, place);
        const QStringList parts = place.split(", ");
        return parts.size() == 2 ? at_row(std::get<Table>(found->view), parts[0], parts[1]) : std::nan("");
    }

  private Q_SLOTS:
    void initTestCase() {
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(MICROTOME_BIN_DIR "/microtome", {"run", "ioi", "--out", out(), "--figures", "none", "--quiet"});
        QVERIFY(process.waitForFinished(400'000));
        QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
    }

    void every_step_has_its_folder_and_its_figure() {
        const SessionFile session = read_session(MICROTOME_SOURCE_DIR "/resources/sessions/ioi.microtome.json");
        QVERIFY(session.steps.size() >= 10);
        for (const SessionStep& step : session.steps) {
            const QString id = QString::fromStdString(step.id);
            QVERIFY2(QFile::exists(out(id + "/manifest.json")), step.id.c_str());
            QVERIFY2(QFile::exists(out("figures/" + id + ".svg")), step.id.c_str());
        }
    }

    // Rows "| `step` | `view` | place | number |": each number of the page is that of the run, rounded as it is written.
    void the_numbers_of_the_page_are_those_of_the_run() {
        QFile page(MICROTOME_SOURCE_DIR "/resources/docs/walkthrough.md");
        QVERIFY(page.open(QIODevice::ReadOnly));
        static const QRegularExpression row("^\\| `([\\w-]+)` \\| `(\\w+)` \\| ([^|]+) \\| ([−\\d.]+) \\|");
        int numbers = 0;
        for (const QString& line : QString::fromUtf8(page.readAll()).split('\n')) {
            const auto match = row.match(line);
            if (!match.hasMatch()) continue;
            const QString written = match.captured(4).replace(QStringLiteral("−"), "-");
            const qsizetype point = written.indexOf('.');
            const double step = std::pow(10, point < 0 ? 0 : -static_cast<double>(written.size() - point - 1));
            const double value = told(match.captured(1), match.captured(2), match.captured(3));
            QVERIFY2(std::abs(value - written.toDouble()) < 0.6 * step, qPrintable(line + QStringLiteral(" is %1").arg(value)));
            ++numbers;
        }
        QVERIFY(numbers >= 40);
    }

    // What the page concludes.
    void no_name_mover_no_s_inhibition_and_nothing_through_the_queries() {
        const Result classes = read_result(out("classes").toStdString());
        const Table& heads = std::get<Table>(classes.find("heads")->view);
        for (const auto& cells : heads.rows) {
            const QString found = text_of(cells[2]);
            QVERIFY2(!found.contains("name mover") && !found.contains("inhibition"), qPrintable(found));
        }
        for (const char* step : {"into-name-queries", "into-queries"}) {
            const Result paths = read_result(out(step).toStdString());
            for (double effect : std::get<Grid>(paths.find("effect")->view).values) QVERIFY2(std::abs(effect) < 0.05, step);
        }
    }

    void bundled_sessions_are_listed() {
        const Ran listed = microtome_command({"list", "sessions", "--json"}, folder_.path());
        QCOMPARE(listed.code, 0);
        QCOMPARE(listed.json()["sessions"][0]["name"].get<std::string>(), std::string("ioi"));
        const Ran none = microtome_command({"run", "no-such-session"}, folder_.path());
        QCOMPARE(none.code, 2);
        QVERIFY(none.error.contains("no-such-session"));
    }

    void exports_of_a_session_in_the_current_folder_lie_beside_it() {
        SessionFile session = read_session(MICROTOME_SOURCE_DIR "/resources/sessions/ioi.microtome.json");
        std::erase_if(session.steps, [](const SessionStep& step) { return step.id != "lens"; });
        session.exports = {{.step = "lens", .figure = "lens.svg", .data = "lens.csv", .sites = {}, .prompts = {}, .store = {}}};
        write_session(folder_.filePath("here.microtome.json").toStdString(), session);
        const Ran ran = microtome_command({"run", "here.microtome.json", "--quiet"}, folder_.path());
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(QFile::exists(folder_.filePath("lens.svg")) && QFile::exists(folder_.filePath("lens.csv")));
    }

    // A file of that name goes before the bundled session.
    void a_file_here_goes_first() {
        QFile file(folder_.filePath("ioi"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{\"schema\": 1, \"nonsense\": 1}");
        file.close();
        const Ran ran = microtome_command({"run", "ioi", "--quiet"}, folder_.path());
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains("nonsense"), ran.error);
    }
};

QTEST_GUILESS_MAIN(TestWalkthrough)
#include "test_walkthrough.moc"
