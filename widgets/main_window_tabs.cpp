// The steps of a session and the tabs of their results, by keyboard too.
#include <algorithm>

#include "widgets/main_window.h"
#include "widgets/step_names.h"

namespace microtome {

void MainWindow::make_step_actions() {
    const char* const menu = "&Analyse";
    actions_.add({"analyse.steps", menu, tr("Run All &Steps"), QKeySequence(Qt::Key_F9),
                  tr("Run every step of the session, one after the other; each opens a tab")},
                 [this] { run_steps(); });
    actions_.add({"analyse.choose", menu, tr("Ch&oose Analysis"), QKeySequence(Qt::CTRL | Qt::Key_K),
                  tr("Go to the list of analyses and of the session's steps: type a name's first letters, F8 runs it")},
                 [this] {
                     raise_dock(analyses_);
                     analyses_->analysis_box()->setFocus(Qt::ShortcutFocusReason);
                 });
}

void MainWindow::make_tab_actions() {
    const char* const menu = "&View";
    actions_.add({"view.focus", menu, tr("&Go to the View in Front"), QKeySequence(Qt::CTRL | Qt::Key_J),
                  tr("Give the keyboard to the map, table or graph in front"), false, true},
                 [this] { focus_view(); });
    actions_.add({"view.next_tab", menu, tr("&Next Tab"), QKeySequence(Qt::CTRL | Qt::Key_PageDown), tr("The next result's tab")},
                 [this] { turn_tab(1); });
    actions_.add({"view.previous_tab", menu, tr("&Previous Tab"), QKeySequence(Qt::CTRL | Qt::Key_PageUp), tr("The result's tab before")},
                 [this] { turn_tab(-1); });
    actions_.add({"view.next_view", menu, tr("Next &View of the Result"), QKeySequence(Qt::ALT | Qt::Key_PageDown),
                  tr("The next map, table or graph of the result in front")},
                 [this] { turn_view(1); });
    actions_.add({"view.previous_view", menu, tr("Previous View of the &Result"), QKeySequence(Qt::ALT | Qt::Key_PageUp),
                  tr("The map, table or graph before, of the result in front")},
                 [this] { turn_view(-1); });
}

void MainWindow::run_steps() {
    if (!workspace_.model()) return show_error(tr("The model is not open yet."));
    const std::vector<std::string> names = step_names(workspace_.document().session());
    for (const std::string& name : names) {
        if (name == "activation-patching") {
            if (!workspace_.run_patching()) show_error(workspace_.prompts().refusal());
        } else if (workspace_.run_analysis(name)) {
            open_result(QString::fromStdString(name));
        }
    }
    if (QWidget* first = result(names.front()))
        tabs_->setCurrentWidget(first);
    else
        tabs_->setCurrentWidget(patching_);
    focus_view();
}

void MainWindow::close_gone_results() {
    const std::vector<std::string> names = step_names(workspace_.document().session());
    for (int tab = tabs_->count() - 1; tab >= 0; --tab) {
        auto* view = qobject_cast<ResultView*>(tabs_->widget(tab));
        if (!view || std::find(names.begin(), names.end(), view->analysis()) != names.end()) continue;
        if (view->analysis() == analysis_of(view->analysis())) continue;  // an analysis can be run without a step
        tabs_->removeTab(tab);
        view->deleteLater();
    }
}

void MainWindow::turn_tab(int by) {
    tabs_->setCurrentIndex((tabs_->currentIndex() + by + tabs_->count()) % tabs_->count());
    focus_view();
}

void MainWindow::turn_view(int by) {
    ResultView* view = shown_result();
    if (!view || view->tabs()->count() == 0) return;
    QTabWidget* views = view->tabs();
    views->setCurrentIndex((views->currentIndex() + by + views->count()) % views->count());
    focus_view();
}

void MainWindow::focus_view() {
    QWidget* part = patching_->panel()->shows_table() ? static_cast<QWidget*>(patching_->panel()->table()) : patching_->map();
    if (ResultView* view = shown_result()) part = view->current() ? view->current()->focus_part() : view;
    if (tabs_->currentWidget() == store_) part = store_->panel()->map();
    part->setFocus(Qt::ShortcutFocusReason);
}

}  // namespace microtome
