// The whole window on a stand-in engine: typing, running, selecting, cancelling, saving, exporting.
#include <QAbstractItemModelTester>
#include <QAccessible>
#include <QClipboard>
#include <QComboBox>
#include <QDragEnterEvent>
#include <QFile>
#include <QMimeData>
#include <QSignalSpy>
#include <QStatusBar>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/files.h"
#include "tests/gui/quiet.h"
#include "tests/unit/widgets/fake_engine.h"
#include "widgets/main_window.h"
#include "widgets/pin_marks.h"
#include "widgets/theme.h"

using namespace microtome;

namespace {

/// Answers every question with one path.
class Answering final : public FileChooser {
  public:
    explicit Answering(QString path) : path_(std::move(path)) {}
    void ask(QWidget*, const Question&, const Answer& answer) override { answer(path_); }

  private:
    QString path_;
};

}  // namespace

class TestWindow : public QObject {
    Q_OBJECT

    fake::Control control_;
    std::unique_ptr<MainWindow> window_;
    QTemporaryDir folder_;

    Workspace& workspace() { return window_->workspace(); }
    void run_sweep() {
        QTest::keyClick(window_.get(), Qt::Key_F6);
        QTRY_VERIFY(workspace().patching().record.has_value());
    }
    void trigger(const char* id) {
        QAction* action = window_->actions().find(id);
        QVERIFY2(action, id);
        action->trigger();
    }
    QString path(const char* name) const { return folder_.filePath(QString::fromLatin1(name)); }

  private Q_SLOTS:
    void initTestCase() { apply_theme(*qApp, false); }
    void init() {
        fail_on_warnings();
        control_.layer_ms = 0;
        window_ = std::make_unique<MainWindow>(std::make_unique<fake::Engine>(control_));
        window_->open_first({});
        window_->show();
        QVERIFY(QTest::qWaitForWindowActive(window_.get()));
        QTRY_VERIFY(workspace().model() && !workspace().jobs().busy());
    }
    void cleanup() { window_.reset(); }

    void opens_with_the_example_ready() {
        QCOMPARE(window_->prompts()->strip()->columns(), 14);
        QVERIFY(window_->prompts()->message().contains("ready to patch"));
        QVERIFY(window_->patching()->form()->run_button()->isEnabled());
        QVERIFY(window_->attention()->panel()->map()->grid());  // L0 H0, not an empty pane
    }

    void typing_is_tokenized_after_a_pause() {
        QPlainTextEdit* edit = window_->prompts()->corrupt_edit();
        edit->setFocus();
        QTest::keyClicks(edit, " x");
        QCOMPARE(window_->prompts()->strip()->columns(), 14);  // not yet
        QTRY_COMPARE(window_->prompts()->strip()->columns(), 15);
        QVERIFY(window_->prompts()->message().contains("refused"));
        QVERIFY(!window_->patching()->form()->run_button()->isEnabled());
        QTest::keyClick(edit, Qt::Key_Z, Qt::ControlModifier);  // the document's undo, not the field's
        QTRY_COMPARE(window_->prompts()->strip()->columns(), 14);
        QCOMPARE(edit->toPlainText(), QString("when ann and tom went to the park , ann gave a ball to"));
    }

    void answer_and_foil_are_checked() {
        QLineEdit* answer = window_->prompts()->answer_edit();
        answer->setFocus();
        answer->selectAll();
        QTest::keyClicks(answer, "tom");
        QTRY_VERIFY(window_->prompts()->message().contains("Answer equals foil"));
        QTest::keyClicks(answer, " b");
        QTRY_VERIFY(window_->prompts()->message().contains("not a single token"));
        trigger("edit.undo");
        QTRY_VERIFY(window_->prompts()->message().contains("ready"));
    }

    void the_map_fills_while_the_sweep_runs() {
        control_.layer_ms = 80;
        QTest::keyClick(window_.get(), Qt::Key_F6);
        HeatmapView* map = window_->patching()->map();
        QTRY_VERIFY(map->grid() != nullptr);
        QVERIFY(map->grid()->computed(0) && !map->grid()->computed(map->grid()->size() - 1));
        QVERIFY(map->cell_text({3, 13}).contains("not computed"));
        QTRY_VERIFY(workspace().patching().record.has_value());
        QVERIFY(map->grid()->mask.empty());
    }

    void escape_cancels_within_a_quarter_of_a_second() {
        control_.layer_ms = 150;
        QTest::keyClick(window_.get(), Qt::Key_F6);
        QTRY_VERIFY(window_->patching()->map()->grid() != nullptr);
        QCOMPARE(window_->patching()->form()->run_button()->text(), QString("Cancel"));
        QElapsedTimer clock;
        clock.start();
        QTest::keyClick(window_.get(), Qt::Key_Escape);
        QTRY_VERIFY(!workspace().jobs().busy());
        QVERIFY2(clock.elapsed() < 250, qPrintable(QString::number(clock.elapsed())));
        const Grid* grid = window_->patching()->map()->grid();
        QVERIFY(grid && grid->computed(0) && !grid->computed(grid->size() - 1));
        window_->export_data_to(path("part.csv"));  // what is finished can be exported
        QTRY_VERIFY(QFile::exists(path("part.csv")));
    }

    void a_cell_tells_its_value() {
        run_sweep();
        const QString text = window_->patching()->map()->cell_text({2, 9});
        const double value = fake::effect(2, 9);
        QVERIFY2(text.startsWith("L2 · resid_pre · pos 9 'tom' · recovery " + number_text(value)) ||
                     text.startsWith("L2 · pos 9 'tom' · recovery " + number_text(value)),
                 qPrintable(text));
        QVERIFY(text.contains("logit difference " + number_text(-1 + value * 4.5)));
        QVERIFY(text.contains("clean 3.5, corrupted −1"));
    }

    void hovering_tells_the_value_in_the_status_bar() {
        run_sweep();
        HeatmapView* map = window_->patching()->map();
        QTest::mouseMove(map, map->cell_rect({1, 6}).center().toPoint());
        QTRY_VERIFY(map->hovering());
        QCOMPARE(window_->value_text(), map->cell_text({1, 6}));
        QVERIFY(window_->value_text().contains(number_text(fake::effect(1, 6))));
    }

    void a_click_selects_everywhere() {
        run_sweep();
        HeatmapView* map = window_->patching()->map();
        QTest::mouseClick(map, Qt::LeftButton, {}, map->cell_rect({3, 5}).center().toPoint());
        QCOMPARE(to_string(workspace().selection().current()), std::string("L3.H0.resid_pre@5"));
        QCOMPARE(window_->attention()->layer_box()->value(), 3);
        QCOMPARE(window_->prompts()->strip()->position(window_->prompts()->strip()->current_cell()), 5);
        QCOMPARE(window_->attention()->text()->from(), 5);
        window_->attention()->head_box()->setValue(2);
        QCOMPARE(to_string(workspace().selection().current()), std::string("L3.H2.resid_pre@5"));
        QCOMPARE(map->current_cell(), (CellIndex{3, 5}));  // choosing a head keeps layer and position
        const Grid* pattern = window_->attention()->panel()->map()->grid();
        QCOMPARE(pattern->values[pattern->axes[1].size() * 5 + 2], fake::weight(3, 2, 5, 2));
        PairStrip* strip = window_->prompts()->strip();
        QTest::mouseClick(strip, Qt::LeftButton, {}, strip->cell_rect({0, 7}).center().toPoint());
        QCOMPARE(map->current_cell(), (CellIndex{3, 7}));
        QTest::keyClick(map, Qt::Key_Left);
        QCOMPARE(strip->position(strip->current_cell()), 6);
        QTest::keyClick(window_.get(), Qt::Key_Left, Qt::AltModifier);
        QCOMPARE(map->current_cell(), (CellIndex{3, 7}));
    }

    void the_attention_matrix_selects_destination_and_source() {
        HeatmapView* map = window_->attention()->panel()->map();
        QTest::mouseClick(map, Qt::LeftButton, {}, map->cell_rect({6, 2}).center().toPoint());
        QCOMPARE(to_string(workspace().selection().current()), std::string("L0.H0@6←2"));
        QVERIFY(map->cell_text({6, 2}).startsWith("dest 6"));
        window_->attention()->side_box()->setCurrentIndex(AttentionView::difference);
        QCOMPARE(map->grid()->values[6 * 14 + 2], 0.0);
        window_->attention()->side_box()->setCurrentIndex(AttentionView::corrupt);
        window_->attention()->kind_box()->setCurrentIndex(1);
        QCOMPARE(map->grid()->values[6 * 14 + 2], 2 * fake::weight(0, 0, 6, 2));
    }

    void hovering_a_token_lights_its_attention() {
        TokenFlow* text = window_->attention()->text();
        QTest::mouseMove(text, text->cell_rect({0, 8}).center().toPoint());
        QTRY_COMPARE(text->from(), 8);
        QCOMPARE(text->weights()[3], fake::weight(0, 0, 8, 3));
        QVERIFY(std::isnan(text->weights()[9]));  // the future is masked, not zero
    }

    void the_form_is_made_of_the_parameters() {
        auto* preset = qobject_cast<QComboBox*>(window_->patching()->form()->editor("preset")->control());
        preset->setCurrentIndex(1);
        QCOMPARE(workspace().document().step().params.at("preset").get<std::string>(), std::string("attn_head_out_all_pos"));
        run_sweep();
        QCOMPARE(window_->patching()->map()->columns(), 3);
        window_->patching()->map()->choose({1, 2});
        QCOMPARE(to_string(workspace().selection().current()), std::string("L1.H2.z"));
        trigger("edit.undo");
        QCOMPARE(preset->currentIndex(), 0);
        QVERIFY(!window_->patching()->form()->editor("prompts"));
    }

    void a_sweep_over_some_positions_selects_the_right_tokens() {
        workspace().document().edit_param("positions", "3,9");
        run_sweep();
        HeatmapView* map = window_->patching()->map();
        QCOMPARE(map->columns(), 2);
        map->choose({1, 1});
        QCOMPARE(workspace().selection().current().position, 9);
        QVERIFY(map->cell_text({1, 1}).contains("pos 9 'tom'"));
        workspace().selection().select(parse_node_ref("@3"), nullptr);
        QCOMPARE(map->current_cell(), (CellIndex{1, 0}));
        workspace().selection().select(parse_node_ref("@4"), nullptr);
        QVERIFY(!map->current_cell().valid());
    }

    void save_and_open_give_the_same_session() {
        window_->prompts()->clean_edit()->setPlainText("when ann and sue went to the park , sue gave a ball to");
        workspace().document().edit_param("metric", "logit_diff");
        workspace().refresh_tokens();
        workspace().selection().set_current(parse_node_ref("L2.H1@4"), nullptr);
        workspace().selection().toggle_pin(parse_node_ref("L1.H1.z"));
        window_->set_file_chooser(std::make_unique<Answering>(path("s.microtome.json")));
        QVERIFY(window_->isWindowModified());
        QTest::keyClick(window_.get(), Qt::Key_S, Qt::ControlModifier);
        QVERIFY(!window_->isWindowModified());
        const std::string saved = read_file(path("s.microtome.json").toStdString());

        MainWindow other(std::make_unique<fake::Engine>(control_));
        other.open(path("s.microtome.json"));
        QTRY_VERIFY(other.workspace().model());
        QCOMPARE(other.prompts()->clean_edit()->toPlainText(), window_->prompts()->clean_edit()->toPlainText());
        QCOMPARE(to_string(other.workspace().selection().current()), std::string("L2.H1@4"));
        QCOMPARE(to_string(*other.workspace().selection().pins()[0]), std::string("L1.H1.z"));
        QVERIFY(other.save_session(path("t.microtome.json")));
        QCOMPARE(read_file(path("t.microtome.json").toStdString()), saved);
    }

    void a_damaged_session_is_told_and_changes_nothing() {
        write_file(path("bad.microtome.json").toStdString(), "{\"schema\": 1, \"promptz\": []}");
        const QString before = window_->windowTitle();
        window_->open(path("bad.microtome.json"));
        QVERIFY(window_->statusBar()->currentMessage().contains("promptz"));
        QCOMPARE(window_->windowTitle(), before);
        QCOMPARE(window_->prompts()->strip()->columns(), 14);
    }

    void dropping_a_session_opens_it() {
        QVERIFY(window_->save_session(path("d.microtome.json")));
        window_->prompts()->answer_edit()->setText("sue");
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(path("d.microtome.json"))});
        QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
        QApplication::sendEvent(window_.get(), &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
        QApplication::sendEvent(window_.get(), &drop);
        QCOMPARE(window_->prompts()->answer_edit()->text(), QString("ann"));
    }

    void figures_are_vectors_and_data_are_the_numbers_shown() {
        run_sweep();
        window_->set_file_chooser(std::make_unique<Answering>(path("map.svg")));
        QTest::keyClick(window_.get(), Qt::Key_E, Qt::ControlModifier);
        const std::string svg = read_file(path("map.svg").toStdString());
        QVERIFY(svg.find("<image") == std::string::npos);
        QVERIFY(QSvgRenderer(path("map.svg")).isValid());
        for (const char* name : {"map.json", "map.h5", "map.csv"}) {
            window_->export_data_to(path(name));
            QTRY_VERIFY(QFile::exists(path(name)));
        }
        QTRY_VERIFY(!workspace().jobs().busy());
        const Json json = read_json(path("map.json").toStdString());
        QCOMPARE(json.at("views").at("effect").at("values").at(2).at(9).get<double>(), fake::effect(2, 9));
        window_->patching()->map()->setFocus();
        trigger("edit.copy");
        QVERIFY(QApplication::clipboard()->text().contains(QString::number(fake::effect(2, 9), 'g', 17)));
    }

    void the_script_runs_the_same_step() {
        trigger("file.copy_script");
        const QString text = QApplication::clipboard()->text();
        QVERIFY(text.contains("microtome run patching.microtome.json --out patching"));
        const QString json = text.section("END_OF_SESSION", 1, 1).section('\n', 1);
        const SessionFile session = session_from_json(parse_json(json.toStdString(), "script"), "script");
        QCOMPARE(session.steps.front().run, std::string("activation-patching"));
        QCOMPARE(session.prompts.front().clean, workspace().document().pair().clean);
    }

    void the_table_shows_the_same_numbers() {
        run_sweep();
        trigger("view.table");
        QVERIFY(window_->patching()->panel()->shows_table());
        const QAbstractItemModel* model = window_->patching()->panel()->table()->model();
        QCOMPARE(model->index(2, 9).data().toString(), number_text(fake::effect(2, 9), 6));
        QTableView* table = window_->patching()->panel()->table();
        table->setFocus();
        table->setCurrentIndex(model->index(1, 4));
        QCOMPARE(workspace().selection().current().position, 4);
    }

    void a_place_can_be_typed() {
        run_sweep();
        QTest::keyClick(window_.get(), Qt::Key_G, Qt::ControlModifier);
        QTest::keyClicks(window_->place_edit(), "L2.H1@7");
        QTest::keyClick(window_->place_edit(), Qt::Key_Return);
        QCOMPARE(window_->patching()->map()->current_cell(), (CellIndex{2, 7}));
        window_->place_edit()->setText("L2..");
        QTest::keyClick(window_->place_edit(), Qt::Key_Return);
        QVERIFY(window_->statusBar()->currentMessage().contains("expected"));
    }

    void fits_a_small_laptop() {
        const QSize least = window_->minimumSizeHint();
        QVERIFY2(least.width() <= 1280 && least.height() <= 720,
                 qPrintable(QStringLiteral("%1 x %2").arg(least.width()).arg(least.height())));
    }

    void actions_are_complete_and_shortcuts_unique() {
        QSet<QString> shortcuts;
        for (const QAction* action : window_->actions().all()) {
            QVERIFY2(!action->text().isEmpty(), qPrintable(action->objectName()));
            QVERIFY2(!action->statusTip().isEmpty(), qPrintable(action->objectName()));
            const QString keys = action->shortcut().toString();
            if (keys.isEmpty()) continue;
            QVERIFY2(!shortcuts.contains(keys), qPrintable(keys));
            shortcuts.insert(keys);
        }
        QVERIFY(shortcuts.size() >= 15);
    }

    void whatever_takes_the_focus_has_a_name() {
        for (const QWidget* widget : window_->findChildren<QWidget*>()) {
            const bool inner =
                qobject_cast<QAbstractSpinBox*>(widget->parentWidget());  // the line inside a spin box is the box to a reader
            if (!widget->isVisible() || inner || !(widget->focusPolicy() & Qt::TabFocus)) continue;
            QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(const_cast<QWidget*>(widget));
            QVERIFY2(interface && !interface->text(QAccessible::Name).isEmpty(),
                     qPrintable(widget->metaObject()->className() + QStringLiteral(" ") + widget->objectName()));
        }
    }

    void the_tab_key_gets_around() {
        QSet<QWidget*> seen;
        window_->prompts()->clean_edit()->setFocus();
        for (int i = 0; i < 60; ++i) {
            QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
            seen.insert(QApplication::focusWidget());
        }
        QVERIFY(seen.contains(window_->prompts()->strip()));
        QVERIFY(seen.contains(window_->patching()->map()));
        QVERIFY(seen.contains(window_->attention()->panel()->map()));
        QVERIFY(seen.contains(window_->prompts()->clean_edit()));  // and round again
    }

    void both_themes_are_readable() {
        for (const bool dark : {false, true}) {
            window_->set_dark(dark);
            const QPalette p = window_->palette();
            const Theme theme = Theme::of(p);
            QCOMPARE(theme.dark, dark);
            QVERIFY(contrast(p.color(QPalette::WindowText), p.color(QPalette::Window)) >= 4.5);
            QVERIFY(contrast(p.color(QPalette::Text), p.color(QPalette::Base)) >= 4.5);
            QVERIFY(contrast(p.color(QPalette::HighlightedText), p.color(QPalette::Highlight)) >= 4.5);
            for (const QColor& color : {theme.dim, theme.error, theme.warning}) QVERIFY(contrast(color, p.color(QPalette::Window)) >= 4.5);
        }
        window_->set_dark(false);
    }

    void a_pin_is_drawn_in_every_view_and_taken_back_by_undo() {
        run_sweep();
        HeatmapView* map = window_->patching()->map();
        const QRectF box = map->cell_rect({2, 9});
        const QPoint rim = (box.bottomLeft() + QPointF(box.width() / 4, 0)).toPoint();
        QVERIFY(QColor(map->grab().toImage().pixel(rim)) != pin_color(0));
        QTest::mouseClick(map, Qt::LeftButton, Qt::ShiftModifier, box.center().toPoint());
        QCOMPARE(map->pins(), (std::vector<PinnedCell>{{0, {2, 9}}}));
        QCOMPARE(QColor(map->grab().toImage().pixel(rim)).name(), pin_color(0).name());
        QVERIFY(map->current_cell() != (CellIndex{2, 9}));  // pinned, not selected
        QCOMPARE(window_->prompts()->strip()->pins().size(), std::size_t(2));
        QCOMPARE(window_->attention()->text()->pins(), (std::vector<PinnedCell>{{0, {0, 9}}}));
        QCOMPARE(window_->pins()->list()->count(), 1);
        QVERIFY(window_->pins()->list()->item(0)->text().endsWith("L2.resid_pre@9"));
        map->choose({1, 4});
        QTest::keyClick(map, Qt::Key_Space);
        QCOMPARE(map->pins().size(), std::size_t(2));
        QVERIFY(map->pin_text({1, 4}).contains("sky blue triangle"));
        workspace().document().edit_param("preset", "attn_head_out_all_pos");
        run_sweep();
        QVERIFY(map->pins().empty());  // another site: not the place that was pinned
        trigger("edit.undo");
        trigger("edit.undo");
        QCOMPARE(map->pins().size(), std::size_t(1));
        window_->pins()->list()->setCurrentRow(0);
        QTest::keyClick(window_->pins()->list(), Qt::Key_Delete);
        QVERIFY(map->pins().empty());
    }

    void escape_clears_the_pins_only_when_no_job_runs() {
        run_sweep();
        workspace().selection().toggle_pin(parse_node_ref("L1@3"));
        control_.layer_ms = 100;
        window_->actions().find("analyse.heads")->trigger();
        QTRY_VERIFY(workspace().jobs().active());
        QTest::keyClick(window_->patching()->map(), Qt::Key_Escape);
        QTRY_VERIFY(!workspace().jobs().busy());
        QVERIFY(workspace().selection().pins()[0]);
        QTest::keyClick(window_->patching()->map(), Qt::Key_Escape);
        QVERIFY(!workspace().selection().pins()[0]);
        for (int i = 0; i < 9; ++i) {
            NodeRef ref;
            ref.layer = 1, ref.position = i;
            workspace().selection().toggle_pin(ref);
        }
        QVERIFY(window_->statusBar()->currentMessage().contains("All 8 pins"));
    }

    void head_scores_are_sorted_and_a_row_is_a_head_everywhere() {
        QTest::keyClick(window_.get(), Qt::Key_F7);
        QTRY_VERIFY(workspace().head_scores().record.has_value());
        QTableView* table = window_->heads()->table();
        const auto value = [table](int row, int column) {
            return table->model()->index(row, column).data(TableModel::sort_role).toDouble();
        };
        QCOMPARE(table->model()->rowCount(), 12);
        for (int row = 1; row < 12; ++row) QVERIFY(value(row - 1, 2) >= value(row, 2));  // strongest induction first
        table->sortByColumn(3, Qt::DescendingOrder);
        for (int row = 1; row < 12; ++row) QVERIFY(value(row - 1, 3) >= value(row, 3));
        table->setFocus();
        QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(table->model()->index(5, 2)).center());
        const NodeRef at = workspace().selection().current();
        QCOMPARE(double(at.layer), value(5, 0));
        QCOMPARE(double(at.head), value(5, 1));
        QCOMPARE(window_->attention()->layer_box()->value(), at.layer);
        QCOMPARE(window_->attention()->head_box()->value(), at.head);
        workspace().selection().select(parse_node_ref("L3.H2"), nullptr);
        QCOMPARE(value(table->currentIndex().row(), 0), 3.0);
        QCOMPARE(value(table->currentIndex().row(), 1), 2.0);
        QTest::keyClick(table, Qt::Key_Space);
        QCOMPARE(to_string(*workspace().selection().pins()[0]), std::string("L3.H2"));
        window_->export_data_to(path("heads.csv"));
        QTRY_VERIFY(QFile::exists(path("heads.csv")) && !workspace().jobs().busy());
        QVERIFY(read_file(path("heads.csv").toStdString()).find("induction") != std::string::npos);
    }

    void head_scores_can_be_cancelled_and_run_again() {
        control_.layer_ms = 200;
        QPushButton* run = window_->heads()->run_button();
        QTest::mouseClick(run, Qt::LeftButton);
        QTRY_VERIFY(workspace().jobs().active());
        QCOMPARE(run->text(), QString("Cancel"));
        QTest::mouseClick(run, Qt::LeftButton);
        QTRY_VERIFY(!workspace().jobs().busy());
        QCOMPARE(run->text(), QString("Score Heads"));
        control_.layer_ms = 0;
        window_->heads()->text_box()->setCurrentIndex(1);
        QTest::mouseClick(run, Qt::LeftButton);
        QTRY_VERIFY(workspace().head_scores().record.has_value());
        QVERIFY(workspace().head_scores().request.params.contains("prompts"));
    }

    void a_view_that_is_not_synced_stands_still() {
        run_sweep();
        workspace().selection().select(parse_node_ref("L1.H1@3"), nullptr);
        window_->attention()->panel()->map()->setFocus();
        trigger("view.sync");
        QVERIFY(!window_->attention()->panel()->synced());
        workspace().selection().select(parse_node_ref("L2.H2@6"), nullptr);
        QCOMPARE(window_->attention()->layer_box()->value(), 1);
        QCOMPARE(window_->attention()->text()->from(), 3);
        QCOMPARE(window_->patching()->map()->current_cell(), (CellIndex{2, 6}));
        window_->attention()->head_box()->setValue(0);  // its own head, not the window's
        QCOMPARE(workspace().selection().current().head, 2);
        const HeatmapView* pattern = window_->attention()->panel()->map();
        QCOMPARE(pattern->grid()->values[5 * 14 + 2], fake::weight(1, 0, 5, 2));
        QTest::mouseClick(window_->attention()->panel()->map(), Qt::LeftButton, {}, pattern->cell_rect({7, 1}).center().toPoint());
        QCOMPARE(workspace().selection().current().position, 6);
        QCOMPARE(window_->attention()->text()->from(), 7);
        trigger("view.sync");
        QCOMPARE(window_->attention()->layer_box()->value(), 2);
    }

    void the_model_is_a_tree_with_a_filter() {
        ModelBrowser* browser = window_->browser();
        QAbstractItemModelTester tester(browser->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        QVERIFY(browser->summary().startsWith("toy: 656 parameters"));  // 50 × 8 and four times 8 × 8
        QCOMPARE(browser->model()->rowCount(), 5);
        QVERIFY(browser->find("hook_embed").isValid());
        browser->filter_edit()->setText("l2 hook_z");
        QVERIFY(!browser->find("blocks.2.attn.hook_z").isValid());  // every word has to be there
        browser->filter_edit()->setText("blocks.2 hook_z");
        const QModelIndex site = browser->find("blocks.2.attn.hook_z");
        QVERIFY(site.isValid() && !browser->find("blocks.1.attn.hook_z").isValid());
        QVERIFY(browser->tree()->isExpanded(site.parent()));
        QVERIFY(site.siblingAtColumn(ModelTree::shape).data().toString() == "tokens × 3 × 4");
        browser->tree()->setFocus();
        browser->tree()->setCurrentIndex(site);
        QCOMPARE(workspace().selection().current().layer, 2);
        QCOMPARE(workspace().selection().current().site, std::string("z"));
        QTest::keyClick(browser->tree(), Qt::Key_C, Qt::ControlModifier);
        QCOMPARE(QApplication::clipboard()->text(), QString("blocks.2.attn.hook_z"));
        browser->filter_edit()->clear();
        browser->tree()->setCurrentIndex(browser->find("L1.H2"));
        QCOMPARE(workspace().selection().current().head, 2);
        QCOMPARE(window_->attention()->head_box()->value(), 2);
    }

    void a_model_that_can_not_be_opened_is_told_in_one_line_and_another_opens() {
        window_->open("nowhere");
        QTRY_VERIFY(!workspace().model_error().isEmpty());
        QVERIFY(window_->statusBar()->currentMessage().contains("nowhere: expected a model folder"));
        QVERIFY(!window_->statusBar()->currentMessage().contains('\n'));
        QVERIFY(workspace().model());  // the one before goes on, and is what is saved
        QCOMPARE(workspace().document().session().model.path, std::string("tinyworld"));
        SessionFile elsewhere = welcome_session();
        elsewhere.model.path = "nowhere";
        write_session(path("elsewhere.microtome.json").toStdString(), elsewhere);
        window_->open(path("elsewhere.microtome.json"));
        QTRY_VERIFY(!workspace().model());  // never another model's numbers under this session's name
        QCOMPARE(workspace().document().session().model.path, std::string("nowhere"));
        QVERIFY(window_->patching()->notice().contains("nowhere"));
        window_->open("toy");
        QTRY_VERIFY(workspace().model_error().isEmpty() && !workspace().jobs().busy());
        QCOMPARE(QString::fromStdString(control_.opened.model), QString("toy"));
    }

    void interventions_are_edited_in_the_table_and_undone() {
        InterventionsView* view = window_->interventions();
        const auto list = [this] { return workspace().document().session().interventions; };
        QAbstractItemModelTester tester(view->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        const std::string start = to_json(workspace().document().session()).dump();
        workspace().selection().select(parse_node_ref("L2.H1@4"), nullptr);
        QTest::keyClick(window_.get(), Qt::Key_I, Qt::ControlModifier);
        QCOMPARE(list().size(), std::size_t(1));
        QCOMPARE(list()[0].target, std::string("L2.H1.z"));
        QCOMPARE(workspace().document().step().use, std::vector<std::string>{"i1"});
        const auto set = [view](int row, InterventionsModel::Column column, const char* text) {
            return view->model()->setData(view->model()->index(row, column), QString(text), Qt::EditRole);
        };
        QVERIFY(set(0, InterventionsModel::type, "scale") && set(0, InterventionsModel::strength, "0.5"));
        QVERIFY(!set(0, InterventionsModel::target, "L2.nowhere"));
        QVERIFY2(view->message().contains("nowhere"), qPrintable(view->message()));
        QVERIFY(!set(0, InterventionsModel::strength, "much"));
        QVERIFY(!set(0, InterventionsModel::positions, "here"));
        QVERIFY(set(0, InterventionsModel::positions, "3,5-7"));
        view->table()->setCurrentIndex(view->model()->index(0, 0));
        for (QPushButton* button : view->findChildren<QPushButton*>())
            if (button->text() == "Duplicate") QTest::mouseClick(button, Qt::LeftButton);
        QCOMPARE(list().size(), std::size_t(2));
        QCOMPARE(list()[1].id, std::string("i2"));
        QCOMPARE(list()[1].strength, 0.5);
        QVERIFY(set(1, InterventionsModel::type, "noise"));
        view->table()->setCurrentIndex(view->model()->index(1, 0));
        QTest::keyClick(view->table(), Qt::Key_Up, Qt::AltModifier);
        QCOMPARE(list()[0].type, std::string("noise"));
        QVERIFY(view->model()->setData(view->model()->index(0, 0), Qt::Unchecked, Qt::CheckStateRole));
        QVERIFY(!list()[0].enabled);
        run_sweep();
        QCOMPARE(workspace().patching().request.interventions.size(), std::size_t(1));  // the other one is off
        QCOMPARE(workspace().patching().request.interventions[0].strength, 0.5);
        QVERIFY(window_->patching()->provenance().contains("1 intervention"));
        view->table()->setCurrentIndex(view->model()->index(0, 0));
        QTest::keyClick(view->table(), Qt::Key_Delete);
        QCOMPARE(list().size(), std::size_t(1));
        QVERIFY(!window_->patching()->notice().contains("changed"));  // the deleted one was off: the map still holds
        QTest::keyClick(view->table(), Qt::Key_Delete);
        QVERIFY(list().empty() && workspace().document().step().use.empty());
        QVERIFY(window_->patching()->notice().contains("changed"));
        QVERIFY(window_->save_session(path("i.microtome.json")));  // never a reference to one that is gone
        (void)read_session(path("i.microtome.json").toStdString());
        const std::string end = to_json(workspace().document().session()).dump();
        QUndoStack& stack = workspace().document().undo_stack();
        while (stack.canUndo()) stack.undo();
        QCOMPARE(Json::parse(to_json(workspace().document().session()).dump())["interventions"], Json::parse(start)["interventions"]);
        while (stack.canRedo()) stack.redo();
        QCOMPARE(to_json(workspace().document().session()).dump(), end);
    }

    /// The main job with the keyboard alone: type, run, cancel, run, walk, look at the head, pin, save, open, undo.
    void the_whole_job_by_keys() {
        const auto key = [](Qt::Key key, Qt::KeyboardModifiers with = {}) { QTest::keyClick(QApplication::focusWidget(), key, with); };
        const auto tab_to = [&key](QWidget* widget) {
            for (int i = 0; i < 80 && QApplication::focusWidget() != widget; ++i) key(Qt::Key_Tab);
            return QApplication::focusWidget() == widget;
        };
        window_->activateWindow();
        window_->prompts()->clean_edit()->setFocus();
        key(Qt::Key_A, Qt::ControlModifier);
        QTest::keyClicks(QApplication::focusWidget(), "when ann and sue went to the park , sue gave a ball to");
        QVERIFY(tab_to(window_->prompts()->corrupt_edit()));
        key(Qt::Key_A, Qt::ControlModifier);
        QTest::keyClicks(QApplication::focusWidget(), "when ann and sue went to the park , ann gave a ball to");
        QVERIFY(tab_to(window_->prompts()->foil_edit()));
        key(Qt::Key_A, Qt::ControlModifier);
        QTest::keyClicks(QApplication::focusWidget(), "sue");
        control_.layer_ms = 120;
        key(Qt::Key_F6);
        QTRY_VERIFY(window_->patching()->map()->grid() != nullptr);
        key(Qt::Key_Escape);
        QTRY_VERIFY(!workspace().jobs().busy());
        const Grid* grid = window_->patching()->map()->grid();
        QVERIFY(grid->computed(0) && !grid->computed(grid->size() - 1));  // kept, and the rest is hatched
        control_.layer_ms = 0;
        key(Qt::Key_F6);
        QTRY_VERIFY(workspace().patching().record && workspace().patching().record->result.complete);
        QVERIFY(tab_to(window_->patching()->map()));
        key(Qt::Key_Home);
        key(Qt::Key_Down);
        key(Qt::Key_Right);
        const NodeRef at = workspace().selection().current();
        QVERIFY(at.layer >= 0 && at.position == 1);
        QCOMPARE(window_->attention()->layer_box()->value(), at.layer);
        QVERIFY(tab_to(window_->attention()->head_box()));
        key(Qt::Key_Up);
        QCOMPARE(workspace().selection().current().head, at.head + 1);
        QVERIFY(tab_to(window_->attention()->panel()->map()));
        key(Qt::Key_Down);
        key(Qt::Key_Space);
        QCOMPARE(window_->pins()->list()->count(), 1);
        window_->set_file_chooser(std::make_unique<Answering>(path("keys.svg")));
        key(Qt::Key_E, Qt::ControlModifier);
        QVERIFY(QSvgRenderer(path("keys.svg")).isValid());
        window_->set_file_chooser(std::make_unique<Answering>(path("keys.csv")));
        key(Qt::Key_E, Qt::ControlModifier | Qt::ShiftModifier);
        QTRY_VERIFY(QFile::exists(path("keys.csv")) && !workspace().jobs().busy());
        window_->set_file_chooser(std::make_unique<Answering>(path("keys.microtome.json")));
        key(Qt::Key_S, Qt::ControlModifier);
        const std::string saved = read_file(path("keys.microtome.json").toStdString());
        key(Qt::Key_Z, Qt::ControlModifier);  // the pin
        QCOMPARE(window_->pins()->list()->count(), 0);
        key(Qt::Key_Z, Qt::ControlModifier);  // the foil
        QCOMPARE(window_->prompts()->foil_edit()->text(), QString("tom"));
        key(Qt::Key_O, Qt::ControlModifier | Qt::ShiftModifier);
        QTRY_COMPARE(window_->prompts()->foil_edit()->text(), QString("sue"));
        QCOMPARE(window_->pins()->list()->count(), 1);
        QVERIFY(window_->save_session(path("again.microtome.json")));
        QCOMPARE(read_file(path("again.microtome.json").toStdString()), saved);
    }

    void errors_stand_where_they_happened() {
        control_.fail = true;
        QTest::keyClick(window_.get(), Qt::Key_F6);
        QTRY_VERIFY(window_->patching()->notice().contains("lucky"));
    }
};

QTEST_MAIN(TestWindow)
#include "test_window.moc"
