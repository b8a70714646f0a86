// Any analysis of the catalog in the window, on the real engine: choose, run, look, select, export, save, and again headless.
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/views/serialize.h"
#include "tests/gui/quiet.h"
#include "widgets/main_window.h"
#include "widgets/results/grid_widget.h"
#include "widgets/results/ranking.h"
#include "widgets/results/table_widget.h"
#include "widgets/theme.h"

using namespace microtome;

class TestResults : public QObject {
    Q_OBJECT

    static constexpr int patience_ms = 120'000;  // against hangs only
    QTemporaryDir folder_;
    std::unique_ptr<MainWindow> window_;

    Workspace& workspace() { return window_->workspace(); }
    void wait() { QTRY_VERIFY_WITH_TIMEOUT(!workspace().jobs().busy(), patience_ms); }
    void run(const char* analysis) {
        QVERIFY(window_->analyses()->choose(analysis));
        QTest::keyClick(window_.get(), Qt::Key_F8);
        wait();
        QVERIFY2(workspace().result(analysis).record, qPrintable(workspace().result(analysis).error));
    }

  private Q_SLOTS:
    void initTestCase() { apply_theme(*qApp, false); }
    void init() {
        fail_on_warnings();
        window_ = std::make_unique<MainWindow>(make_engine());
        window_->open_first({});
        window_->show();
        QVERIFY(QTest::qWaitForWindowActive(window_.get()));
        QTRY_VERIFY_WITH_TIMEOUT(workspace().model(), patience_ms);
        wait();
    }
    void cleanup() { window_.reset(); }

    void every_analysis_has_a_form() {
        for (const auto& [name, summary] : workspace().engine().analyses()) {
            if (name == "activation-patching") continue;
            QVERIFY2(window_->analyses()->choose(name), name.c_str());
            QVERIFY(!summary.empty());
            for (const FieldInfo& info : workspace().engine().params(name))
                if (has_editor(info)) QVERIFY2(window_->analyses()->editor(info.name), (name + " " + info.name).c_str());
        }
    }

    void a_grid_is_a_map_that_follows_the_selection() {
        run("attention-patterns");
        ResultView* view = window_->result("attention-patterns");
        QVERIFY(view && view->isVisible());
        auto* grid = qobject_cast<GridWidget*>(view->current());
        QVERIFY(grid && grid->panel()->map()->grid());
        NodeRef place;
        place.layer = 2, place.head = 1, place.position = 14, place.source = 4;
        workspace().selection().set_current(place, nullptr);
        const CellIndex cell = grid->panel()->map()->current_cell();
        QVERIFY(cell.valid());
        QCOMPARE(grid->panel()->node(grid->panel()->map()->flat(cell)), place);
        QTest::keyClick(grid->panel()->map(), Qt::Key_Up);
        QCOMPARE(workspace().selection().current().position, 13);
        // The ranking's first row is the largest weight, and choosing it goes there.
        QTest::mouseClick(grid->ranking_button(), Qt::LeftButton);
        QVERIFY(grid->ranking()->isVisible());
        const Grid& values = *grid->panel()->map()->grid();
        const std::size_t strongest = strongest_cell(values, 50, 0, 0);
        QCOMPARE(*std::max_element(values.values.begin(), values.values.end()), values.values[strongest]);
        grid->ranking()->setFocus();
        grid->ranking()->setCurrentIndex(grid->ranking()->model()->index(0, 0));
        QCOMPARE(workspace().selection().current(), grid->panel()->node(strongest));
    }

    void below_the_threshold_is_not_the_same_as_not_computed() {
        run("attention-patterns");
        auto* grid = qobject_cast<GridWidget*>(window_->result("attention-patterns")->current());
        grid->threshold_box()->setValue(0.5);
        QStringList keys;
        grid->panel()->map()->scene()->layout(grid->panel()->map()->rect(), screen_style(*grid->panel()->map()));
        for (const PlacedText& text : grid->panel()->map()->scene()->texts()) keys << text.text;
        QVERIFY2(keys.join('|').contains(QStringLiteral("|value| < 0.5")), qPrintable(keys.join('|')));
        QVERIFY(!keys.join('|').contains(QStringLiteral("not computed")));
        const Table strongest = strongest_cells(std::get<Grid>(grid->shown().view), 50, 0.5);
        for (const auto& row : strongest.rows) QVERIFY(std::get<double>(row.front()) >= 0.5);
        QCOMPARE(grid->ranking()->model()->rowCount(), static_cast<int>(strongest.rows.size()));
    }

    void a_table_sorts_and_selects() {
        run("head-scores");
        auto* table = qobject_cast<TableWidget*>(window_->result("head-scores")->widget("scores"));
        QVERIFY(table);
        table->table()->setCurrentIndex(table->table()->model()->index(5, 0));
        QVERIFY(workspace().selection().current().layer >= 0 && workspace().selection().current().head >= 0);
        table->table()->sortByColumn(2, Qt::DescendingOrder);
        const Table shown = std::get<Table>(table->shown().view);
        for (std::size_t row = 1; row < shown.rows.size(); ++row)
            QVERIFY(std::get<double>(shown.rows[row - 1][2]) >= std::get<double>(shown.rows[row][2]));
    }

    void a_cell_of_the_map_opens_as_a_single_patch() {
        QTest::keyClick(window_.get(), Qt::Key_F6);
        wait();
        HeatmapView* map = window_->patching()->map();
        map->choose({2, 10});  // resid_pre, layer 2, the token that differs
        QTest::keyClick(map, Qt::Key_Return);
        wait();
        QVERIFY2(workspace().result("single-patch").record, qPrintable(workspace().result("single-patch").error));
        const Result& found = workspace().result("single-patch").record->result;
        const Grid& effect = *map->grid();
        const double clean = found.summary[0].second, corrupt = found.summary[1].second, patched = found.summary[2].second;
        const double recovery = effect.values[map->flat({2, 10})];
        QVERIFY2(std::abs((patched - corrupt) / (clean - corrupt) - recovery) < 1e-4, qPrintable(QString::number(recovery)));
        const Grid& reach = std::get<Grid>(found.find("reach")->view);
        for (std::size_t l = 0; l < 4; ++l)  // exactly nothing outside the causal cone
            for (std::size_t p = 0; p < 15; ++p) QCOMPARE(reach.values[l * 15 + p] != 0, l >= 2 && p >= 10);
        workspace().document().undo_stack().undo();
        QVERIFY(window_->result("single-patch"));
    }

    void parameters_are_edits_and_mark_the_result() {
        run("head-scores");
        ResultView* view = window_->result("head-scores");
        QVERIFY(!view->notice().contains("run it again"));
        workspace().document().edit_param_of("head-scores", "n_sequences", 3);
        QVERIFY(view->notice().contains("run it again"));
        workspace().document().undo_stack().undo();
        QVERIFY(!view->notice().contains("run it again"));
        const int runs = workspace().runs();
        run("head-scores");
        QCOMPARE(workspace().runs(), runs);  // shown again
        QVERIFY(view->provenance().contains("not run again"));
    }

    void the_saved_session_gives_the_same_numbers_headless() {
        run("attention-patterns");
        const QString file = folder_.filePath("results.microtome.json");
        QVERIFY(window_->save_session(file));
        const std::string id = workspace().document().step_of("attention-patterns").id;
        QProcess command;
        command.setProcessChannelMode(QProcess::MergedChannels);
        command.start(QStringLiteral(MICROTOME_BIN_DIR) + "/microtome",
                      {"run", file, "--out", folder_.filePath("out"), "--figures", "none", "--quiet"});
        QVERIFY(command.waitForFinished(patience_ms));
        QVERIFY2(command.exitCode() == 0, command.readAll().constData());
        const Result headless = read_result((folder_.filePath("out") + "/").toStdString() + id);
        const Result& shown = workspace().result("attention-patterns").record->result;
        QCOMPARE(headless.views.size(), shown.views.size());
        for (std::size_t v = 0; v < shown.views.size(); ++v) {
            const auto &a = std::get<Grid>(shown.views[v].view).values, &b = std::get<Grid>(headless.views[v].view).values;
            QCOMPARE(a.size(), b.size());
            for (std::size_t i = 0; i < a.size(); ++i) QVERIFY(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])));
        }
        // The script of the tab in front is that step alone.
        QVERIFY(window_->script_text().contains("attention-patterns.microtome.json"));
        QVERIFY(!window_->script_text().contains("activation-patching"));
    }

    void what_is_in_front_is_exported() {
        run("head-scores");
        const QString csv = folder_.filePath("scores.csv"), svg = folder_.filePath("scores.svg");
        window_->export_data_to(csv);
        wait();
        QFile file(csv);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QVERIFY(file.readLine().startsWith("layer,head"));
        window_->export_figure_to(svg);
        QVERIFY(QFile::exists(svg));
    }

    void a_mistake_is_told_at_the_form() {
        QVERIFY(window_->analyses()->choose("head-scores"));
        workspace().document().edit_param_of("head-scores", "length", -5);
        window_->analyses()->run();
        wait();
        QVERIFY2(window_->analyses()->message().contains("head-scores"), qPrintable(window_->analyses()->message()));
    }

    void a_tab_can_be_closed() {
        run("head-scores");
        window_->result("head-scores")->parentWidget();
        auto* tabs = window_->findChild<QTabWidget*>(QString(), Qt::FindDirectChildrenOnly);
        QVERIFY(tabs);
        Q_EMIT tabs->tabCloseRequested(tabs->indexOf(window_->result("head-scores")));
        QVERIFY(!window_->result("head-scores"));
        run("head-scores");
        QVERIFY(window_->result("head-scores"));
    }
};

QTEST_MAIN(TestResults)
#include "test_results.moc"
