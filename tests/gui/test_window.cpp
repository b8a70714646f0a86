// The whole window on a stand-in engine: typing, running, selecting, cancelling, saving, exporting.
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

    void errors_stand_where_they_happened() {
        control_.fail = true;
        QTest::keyClick(window_.get(), Qt::Key_F6);
        QTRY_VERIFY(window_->patching()->notice().contains("lucky"));
    }
};

QTEST_MAIN(TestWindow)
#include "test_window.moc"
