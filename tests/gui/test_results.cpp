// Any analysis of the catalog in the window, on the real engine: choose, run, look, select, export, save, and again headless.
#include <QFile>
#include <QLineEdit>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/files/prompts.h"
#include "analyses/views/serialize.h"
#include "tests/gui/quiet.h"
#include "widgets/main_window.h"
#include "widgets/results/compare_widget.h"
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

    void the_runs_of_a_patch_stand_side_by_side_and_one_by_one() {
        run("single-patch");
        ResultView* view = window_->result("single-patch");
        auto* lens = qobject_cast<CompareWidget*>(view->current());
        QVERIFY(lens && view->widget("lens") == lens && !view->widget("lens_difference"));
        const auto shown_grid = [](GridWidget* part) { return part->panel()->map()->grid(); };
        const Grid all = *shown_grid(lens->runs());
        QCOMPARE(all.axes[0].labels, (std::vector<std::string>{"clean", "corrupted", "patched"}));
        QVERIFY(lens->runs()->isVisible() && lens->difference()->isVisible());
        const Range together = lens->runs()->panel()->map()->scene()->scale().range();
        QTest::keyClick(lens->runs()->panel()->map(), Qt::Key_4);  // the patched run alone
        QCOMPARE(lens->segment(), 3);
        QVERIFY(lens->runs()->isVisible() && !lens->difference()->isVisible());
        const Grid one = *shown_grid(lens->runs());
        QVERIFY(std::equal(one.values.begin(), one.values.end(), all.values.begin() + static_cast<std::ptrdiff_t>(2 * one.size())));
        QVERIFY(std::equal(one.texts.begin(), one.texts.end(), all.texts.begin() + static_cast<std::ptrdiff_t>(2 * one.size())));
        const Range alone = lens->runs()->panel()->map()->scene()->scale().range();
        QVERIFY(alone.low == together.low && alone.high == together.high);  // the same colours as beside the others
        QVERIFY(view->scene_options().norm.kind == Norm::Kind::fixed && view->scene_options().norm.high == together.high);
        QTest::keyClick(lens->runs()->panel()->map(), Qt::Key_BracketRight);
        QCOMPARE(lens->segment(), 4);
        QVERIFY(!lens->runs()->isVisible() && lens->difference()->isVisible());
        QVERIFY(shown_grid(lens->difference())->diverging);
        QCOMPARE(view->shown()->name, std::string("lens_difference"));
        QTest::mouseClick(lens->segments()->button(1), Qt::LeftButton);
        QCOMPARE(view->shown()->name, std::string("lens_clean"));
        window_->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(window_.get()));
        lens->segments()->button(1)->setFocus();
        QTest::keyClick(lens->segments()->button(1), Qt::Key_Right);  // a segmented control: arrows move the choice
        QCOMPARE(lens->segment(), 2);
        lens->choose(0);
        run("single-patch");  // shown again: the choice stays
        QCOMPARE(lens->segment(), 0);
        for (QAbstractButton* button : lens->segments()->buttons()) QVERIFY(!button->text().isEmpty() && !button->toolTip().isEmpty());
    }

    void the_same_place_is_marked_in_every_run_and_in_the_difference() {
        run("single-patch");
        auto* lens = qobject_cast<CompareWidget*>(window_->result("single-patch")->current());
        HeatmapView *runs = lens->runs()->panel()->map(), *difference = lens->difference()->panel()->map();
        const int layers = difference->rows();
        QCOMPARE(runs->rows(), 3 * layers);
        QTest::qWait(100);  // the splitter settles
        // Hovering layer 1, position 7 of the clean run.
        QTest::mouseMove(runs, runs->cell_rect({1, 7}).center().toPoint());
        QTRY_COMPARE(runs->hover_cell(), (CellIndex{1, 7}));
        QCOMPARE(runs->hovered_echoes(), (std::vector<CellIndex>{{layers + 1, 7}, {2 * layers + 1, 7}}));
        QCOMPARE(difference->hovered_echoes(), (std::vector<CellIndex>{{1, 7}}));
        QTest::mouseMove(difference, difference->cell_rect({2, 9}).center().toPoint());
        QTRY_COMPARE(runs->hovered_echoes(), (std::vector<CellIndex>{{2, 9}, {layers + 2, 9}, {2 * layers + 2, 9}}));
        QVERIFY(difference->hovered_echoes().empty());
        // A click selects it everywhere, and the run that was clicked stays the current one.
        QTest::mouseClick(runs, Qt::LeftButton, {}, runs->cell_rect({layers + 3, 4}).center().toPoint());
        QCOMPARE(workspace().selection().current().layer, 3);
        QCOMPARE(workspace().selection().current().position, 4);
        QCOMPARE(runs->current_cell(), (CellIndex{layers + 3, 4}));
        QCOMPARE(runs->selected_echoes(), (std::vector<CellIndex>{{3, 4}, {2 * layers + 3, 4}}));
        QCOMPARE(difference->current_cell(), (CellIndex{3, 4}));
        workspace().selection().back();
        workspace().selection().forward();
        QCOMPARE(runs->current_cell().column, 4);
        // A view that is not synced is left alone.
        lens->difference()->panel()->set_synced(false);
        QTest::mouseMove(runs, runs->cell_rect({0, 2}).center().toPoint());
        QVERIFY(difference->hovered_echoes().empty());
        QCOMPARE(runs->hovered_echoes().size(), std::size_t{2});
    }

    void a_head_of_a_table_is_selected_in_every_view() {
        run("composition-scores");
        run("path-patching");
        auto* senders = qobject_cast<TableWidget*>(window_->result("path-patching")->widget("senders"));
        auto* effect = qobject_cast<GridWidget*>(window_->result("path-patching")->widget("effect"));
        auto* strongest = qobject_cast<TableWidget*>(window_->result("composition-scores")->widget("strongest"));
        QVERIFY(senders && effect && strongest);
        // Texts name heads.
        const QModelIndexList named = senders->table()->model()->match(senders->table()->model()->index(0, 0), Qt::DisplayRole, "L2.H2");
        QCOMPARE(named.size(), 1);
        senders->table()->setCurrentIndex(named.front());
        NodeRef at = workspace().selection().current();
        QVERIFY(at.layer == 2 && at.head == 2);
        QCOMPARE(effect->panel()->map()->current_cell(), (CellIndex{2, 2}));
        QCOMPARE(window_->attention()->layer_box()->value(), 2);
        QCOMPARE(window_->attention()->head_box()->value(), 2);
        QVERIFY(window_->attention()->panel()->map()->grid());
        // And the reverse: a cell of the map chooses the row.
        effect->panel()->map()->choose({1, 3});
        const QModelIndex row = senders->table()->currentIndex();
        QCOMPARE(row.siblingAtColumn(0).data().toString(), QStringLiteral("L1.H3"));
        // Of a row of two heads, each column is its own.
        const Table pairs = std::get<Table>(strongest->shown().view);
        for (int column : {1, 2}) {
            strongest->table()->setCurrentIndex(strongest->table()->model()->index(0, column));
            at = workspace().selection().current();
            QCOMPARE("L" + std::to_string(at.layer) + ".H" + std::to_string(at.head),
                     std::get<std::string>(pairs.rows[0][static_cast<std::size_t>(column)]));
        }
    }

    void what_is_approximate_is_marked_on_screen() {
        workspace().document().edit_param_of("attribution-patching", "audit", 4);
        run("attribution-patching");
        ResultView* view = window_->result("attribution-patching");
        QStringList titles;
        for (int i = 0; i < view->tabs()->count(); ++i) titles << view->tabs()->tabText(i);
        QCOMPARE(titles.filter(QStringLiteral("≈")).size(), 2);
        auto* map = qobject_cast<GridWidget*>(view->widget("change"));
        auto* exact = qobject_cast<GridWidget*>(view->widget("exact"));
        QVERIFY(map->panel()->map()->cell_text({0, 0}).contains(QStringLiteral("≈")));
        QVERIFY(map->panel()->map()->cell_text({0, 0}).endsWith(QStringLiteral("approximate (first order)")));
        QVERIFY(map->panel()->model().index(0, 0).data().toString().startsWith(QStringLiteral("≈")));
        QVERIFY(map->ranking()->model()->headerData(0, Qt::Horizontal).toString().contains(QStringLiteral("approximate")));
        QVERIFY(!exact->ranking()->model()->headerData(0, Qt::Horizontal).toString().contains(QStringLiteral("approximate")));
        for (int cell = 0; cell < exact->panel()->map()->columns(); ++cell)
            QVERIFY(!exact->panel()->map()->cell_text({0, cell}).contains(QStringLiteral("≈")));
    }

    // Pairs of several templates: the map counts roles, and tells how sure it is wherever it tells a value.
    void many_pairs_are_told_by_role_with_intervals() {
        const auto pairs = read_pairs(MICROTOME_SOURCE_DIR "/resources/models/tinyworld/prompts/ioi.jsonl");
        SessionFile session = workspace().document().session();
        session.prompts.assign(pairs.begin(), pairs.begin() + 6);
        for (SessionStep& step : session.steps) step.prompts.clear(), step.params["preset"] = "resid_pre";
        workspace().load_session(session);
        QTest::keyClick(window_.get(), Qt::Key_F6);
        wait();
        const ShownResult& shown = workspace().patching();
        QVERIFY2(shown.record, qPrintable(shown.error));
        const Grid& effect = std::get<Grid>(shown.view("effect")->view);
        QCOMPARE(effect.axes[1].labels, (std::vector<std::string>{"IO", "S1", "S2", "END"}));
        const MatrixPanel* panel = window_->patching()->panel();
        const Grid &low = std::get<Grid>(shown.view("effect_low")->view), &high = std::get<Grid>(shown.view("effect_high")->view);
        std::size_t cell = 0;  // one that the pairs do not agree on
        while (cell < effect.size() && high.values[cell] - low.values[cell] < 0.01) ++cell;
        QVERIFY(cell < effect.size() && low.values[cell] < effect.values[cell] && effect.values[cell] < high.values[cell]);
        const QString spread =
            QStringLiteral("[%1, %2] (95 %), n 6").arg(number_text(low.values[cell], 3), number_text(high.values[cell], 3));
        const QString told = panel->map()->cell_text(panel->map()->cell_of_flat(cell)),
                      role = QString::fromStdString("role " + effect.axes[1].labels[cell % 4]);
        QVERIFY2(told.contains(role) && told.contains(number_text(effect.values[cell])) && told.contains(spread), qPrintable(told));
        QVERIFY(panel->model().index_of(cell).data().toString().contains(spread));
        QVERIFY2(window_->patching()->provenance().contains("1000 resamples"), qPrintable(window_->patching()->provenance()));
        // The role's token in the prompt shown.
        window_->patching()->map()->choose({0, 2});
        const auto s2 = std::get<std::pair<int, int>>(pairs[0].spans.at("S2"));
        QCOMPARE(workspace().selection().current().position, s2.first);

        workspace().document().edit_param_of("attribution-patching", "preset", "resid_pre");
        run("attribution-patching");
        ResultView* view = window_->result("attribution-patching");
        QVERIFY(view->widget("effect") && view->widget("pairs") && !view->widget("effect_low") && !view->widget("change_n"));
        auto* grid = qobject_cast<GridWidget*>(view->widget("effect"));
        const QString line = grid->panel()->map()->cell_text({0, 2});
        QVERIFY2(line.contains("S2") && line.contains("(95 %), n 6"), qPrintable(line));
        QStringList columns;
        for (int i = 0; i < grid->ranking()->model()->columnCount(); ++i)
            columns << grid->ranking()->model()->headerData(i, Qt::Horizontal).toString();
        QVERIFY2(columns.contains("Low") && columns.contains("High") && columns.contains("N"), qPrintable(columns.join(' ')));
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

    void a_tuned_lens_is_named_in_the_form() {
        const QString lens = folder_.filePath("lens"), prompts = MICROTOME_SOURCE_DIR "/resources/models/tinyworld/prompts/ioi.jsonl";
        QProcess command;
        command.setProcessChannelMode(QProcess::MergedChannels);
        command.start(QStringLiteral(MICROTOME_BIN_DIR) + "/microtome",
                      {"lens-train", "--prompts", prompts, "--steps", "30", "--batch-tokens", "256", "--out", lens, "--figures", "none"});
        QVERIFY(command.waitForFinished(patience_ms));
        QVERIFY2(command.exitCode() == 0, command.readAll().constData());
        run("logit-lens");
        const auto kl = [&] { return std::get<Grid>(workspace().result("logit-lens").record->result.find("kl")->view).values; };
        const std::vector<double> before = kl();
        QVERIFY(window_->result("logit-lens")->provenance().contains("logit lens, norm final"));
        FieldEditor* editor = window_->analyses()->editor("lens");
        QVERIFY(editor && !editor->control()->toolTip().isEmpty());
        const auto type = [&](const QString& path) {
            editor->control()->setFocus();
            qobject_cast<QLineEdit*>(editor->control())->selectAll();
            QTest::keyClicks(editor->control(), path);
            QTest::keyClick(editor->control(), Qt::Key_Return);
        };
        type(lens);
        run("logit-lens");
        QVERIFY(window_->result("logit-lens")->provenance().contains("tuned lens, norm final"));
        QCOMPARE(kl().size(), before.size());
        double mean_before = 0, mean_after = 0;
        for (double x : before) mean_before += x;
        for (double x : kl()) mean_after += x;
        QVERIFY(mean_after < mean_before);
        type(prompts);
        window_->analyses()->run();
        wait();
        QVERIFY2(window_->analyses()->message().contains("safetensors"), qPrintable(window_->analyses()->message()));
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
