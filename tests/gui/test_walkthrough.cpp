// The walk-through of resources/docs/walkthrough.md in the window, with the keyboard alone, against the same session headless.
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/views/serialize.h"
#include "tests/gui/quiet.h"
#include "widgets/main_window.h"
#include "widgets/results/compare_widget.h"
#include "widgets/results/table_widget.h"
#include "widgets/step_names.h"
#include "widgets/theme.h"

using namespace microtome;

class TestWalkthrough : public QObject {
    Q_OBJECT

    static constexpr int patience_ms = 400'000;  // against hangs only
    QTemporaryDir folder_;
    std::unique_ptr<MainWindow> window_;

    Workspace& workspace() { return window_->workspace(); }
    void wait() { QTRY_VERIFY_WITH_TIMEOUT(!workspace().jobs().busy(), patience_ms); }
    /// A key goes where the focus is.
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers = {}, int times = 1) {
        while (times-- > 0) {
            QWidget* at = QApplication::focusWidget();
            QTest::keyClick(at ? at : window_.get(), key, modifiers);
        }
    }
    void type(const char* text) { QTest::keyClicks(QApplication::focusWidget(), QString::fromLatin1(text)); }
    ResultView* front() { return qobject_cast<ResultView*>(qobject_cast<QTabWidget*>(window_->centralWidget())->currentWidget()); }
    bool is_place(int layer, int head) {
        const NodeRef& at = workspace().selection().current();
        return at.layer == layer && at.head == head;
    }

  private Q_SLOTS:
    void initTestCase() {
        apply_theme(*qApp, false);
        fail_on_warnings();
        window_ = std::make_unique<MainWindow>(make_engine());
        window_->open_first(QStringLiteral("ioi"));  // microtome-gui ioi
        window_->show();
        QVERIFY(QTest::qWaitForWindowActive(window_.get()));
        QTRY_VERIFY_WITH_TIMEOUT(workspace().model(), patience_ms);
        wait();
    }
    void cleanupTestCase() { window_.reset(); }

    void f9_runs_every_step() {
        QCOMPARE(workspace().document().pair_count(), 24);
        QVERIFY(!window_->windowTitle().contains("ioi"));  // what comes with the program is saved elsewhere
        press(Qt::Key_F9);
        wait();
        QVERIFY2(workspace().patching().record, qPrintable(workspace().patching().error));
        const std::vector<std::string> names = step_names(workspace().document().session());
        QVERIFY(names.size() >= 10);
        for (const std::string& name : names) {
            if (name == "activation-patching") continue;
            QVERIFY2(workspace().result(name).record, (name + ": ").append(workspace().result(name).error.toStdString()).c_str());
            QVERIFY2(window_->result(name) && window_->result(name)->current(), name.c_str());
            QVERIFY(!workspace().is_stale(name));
        }
        QVERIFY(!front());  // the first step's tab is in front, with the keyboard
        QVERIFY(window_->patching()->map()->hasFocus());
        QVERIFY(workspace().document().undo_stack().isClean());
    }

    void the_numbers_are_those_of_the_command() {
        QProcess command;
        command.start(QStringLiteral(MICROTOME_BIN_DIR) + "/microtome",
                      {"run", "ioi", "--out", folder_.path(), "--figures", "none", "--quiet"});
        QVERIFY(command.waitForFinished(patience_ms));
        QVERIFY2(command.exitCode() == 0, command.readAllStandardError().constData());
        const SessionFile& session = workspace().document().session();
        const std::vector<std::string> names = step_names(session);
        for (std::size_t i = 0; i < names.size(); ++i) {
            const ShownResult& shown = names[i] == "activation-patching" ? workspace().patching() : workspace().result(names[i]);
            const Result headless = read_result((folder_.path() + "/").toStdString() + session.steps[i].id);
            QCOMPARE(shown.record->result.views.size(), headless.views.size());
            for (std::size_t v = 0; v < headless.views.size(); ++v)
                QVERIFY2(view_to_csv(shown.record->result.views[v].view) == view_to_csv(headless.views[v].view),
                         (names[i] + " " + headless.views[v].name).c_str());
        }
    }

    void arrows_go_to_a_head_and_enter_patches_it() {
        press(Qt::Key_Up, {}, 4);
        press(Qt::Key_Left, {}, 4);
        QVERIFY(is_place(0, 0));
        press(Qt::Key_Down, {}, 2);
        press(Qt::Key_Right, {}, 2);
        QVERIFY(is_place(2, 2));
        wait();
        QCOMPARE(window_->attention()->layer_box()->value(), 2);
        QCOMPARE(window_->attention()->head_box()->value(), 2);
        QVERIFY(window_->attention()->panel()->map()->grid());
        press(Qt::Key_Return);
        wait();
        QVERIFY2(workspace().result("single-patch").record, qPrintable(workspace().result("single-patch").error));
        QVERIFY(front() && front()->analysis() == "single-patch");
        const Json& params = workspace().result("single-patch").request.params;
        QVERIFY(params["layer"] == 2 && params["head"] == 2);
        auto* lens = qobject_cast<CompareWidget*>(front()->current());
        QVERIFY(lens && lens->isAncestorOf(QApplication::focusWidget()));  // the keyboard went along, before the result was there
        press(Qt::Key_4);
        QCOMPARE(lens->segment(), 3);  // the patched run alone
    }

    void tabs_and_views_turn() {
        QStringList seen;
        const auto* tabs = qobject_cast<QTabWidget*>(window_->centralWidget());
        for (int i = 0; i < tabs->count(); ++i) {
            press(Qt::Key_PageDown, Qt::ControlModifier);
            QVERIFY(tabs->currentWidget()->isAncestorOf(QApplication::focusWidget()));
            seen << tabs->tabText(tabs->currentIndex());
        }
        seen.removeDuplicates();
        QCOMPARE(seen.size(), tabs->count());
        QVERIFY(front()->analysis() == "single-patch");  // once round
        for (int i = 0; i < tabs->count() && (!front() || front()->analysis() != "path-patching#into-values"); ++i)
            press(Qt::Key_PageUp, Qt::ControlModifier);
        QVERIFY(front() && front()->analysis() == "path-patching#into-values");
        auto* senders = qobject_cast<TableWidget*>(front()->widget("senders"));
        for (int i = 0; i < front()->tabs()->count() && front()->current() != senders; ++i) press(Qt::Key_PageDown, Qt::AltModifier);
        QVERIFY(senders && senders->table()->hasFocus());
        press(Qt::Key_Home, Qt::ControlModifier);  // the strongest sender
        QVERIFY(is_place(0, 1));
        press(Qt::Key_PageUp, Qt::AltModifier);
        QVERIFY(front()->current() != senders);
    }

    void a_step_is_chosen_by_its_name_and_run_again_without_the_model() {
        const int runs = workspace().runs();
        press(Qt::Key_K, Qt::ControlModifier);
        QVERIFY(window_->analyses()->analysis_box()->hasFocus());
        type("path");
        press(Qt::Key_Down, {}, 3);
        QVERIFY(window_->analyses()->analysis() == "path-patching#into-queries");
        press(Qt::Key_F8);
        wait();
        QVERIFY(front() && front()->analysis() == "path-patching#into-queries");
        QVERIFY(workspace().result("path-patching#into-queries").cached);
        QCOMPARE(workspace().runs(), runs);
        QVERIFY(window_->analyses()->analysis_box()->hasFocus());  // more may be asked
        press(Qt::Key_J, Qt::ControlModifier);
        QVERIFY(front()->current()->isAncestorOf(QApplication::focusWidget()));
        // Other parameters are an edit of this step alone.
        workspace().document().edit_param_of("path-patching#into-queries", "receivers", "L2.H2.k");
        QVERIFY(workspace().is_stale("path-patching#into-queries") && !workspace().is_stale("path-patching#into-values") &&
                !workspace().is_stale("path-patching"));
        press(Qt::Key_Z, Qt::ControlModifier);
        QVERIFY(!workspace().is_stale("path-patching#into-queries"));
    }

    void a_place_is_typed() {
        press(Qt::Key_G, Qt::ControlModifier);
        type("L1.H2");
        press(Qt::Key_Return);
        wait();
        QVERIFY(is_place(1, 2));
        QCOMPARE(window_->attention()->head_box()->value(), 2);
    }

    void every_key_stands_in_the_list() {
        const QString keys = window_->actions().shortcuts_text();
        for (const char* key : {"F6", "F8", "F9", "Ctrl+K", "Ctrl+J", "Ctrl+G", "Ctrl+PgDown", "Ctrl+PgUp", "Alt+PgDown", "Alt+PgUp"})
            QVERIFY2(keys.contains(QLatin1String(key)), key);
    }

    // Steps of another session have no tab.
    void another_session_closes_the_tabs_of_steps_that_are_gone() {
        const QString other = folder_.filePath("other.microtome.json");
        SessionFile session = workspace().document().session();
        session.steps.resize(2);
        session.exports.clear();
        write_session(other.toStdString(), session);
        window_->open_session(other);
        wait();
        QVERIFY(!window_->result("path-patching#into-values"));
        QVERIFY(!window_->analyses()->choose("path-patching#into-values"));
        QVERIFY(window_->result("head-classes"));  // an analysis can be run without a step
    }
};

QTEST_MAIN(TestWalkthrough)
#include "test_walkthrough.moc"
