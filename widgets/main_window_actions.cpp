// Every action of the window: the one list that menus, tool bar and shortcuts come from.
#include <QApplication>
#include <QClipboard>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDockWidget>
#include <QMenu>
#include <QPlainTextEdit>
#include <QVBoxLayout>

#include "analyses/bundled_sessions.h"
#include "analyses/views/serialize.h"
#include "widgets/main_window.h"
#include "widgets/numerics_dialog.h"
#include "widgets/theme.h"

namespace microtome {

void MainWindow::make_actions() {
    make_file_actions();
    make_edit_actions();
    make_view_actions();
    make_model_actions();
    actions_.add({"analyse.patching", "&Analyse", tr("Activation &Patching"), QKeySequence(Qt::Key_F6),
                  tr("Run the sweep over layers, positions or heads")},
                 [this] {
                     tabs_->setCurrentWidget(patching_);
                     if (!workspace_.run_patching())
                         show_error(workspace_.model() ? workspace_.prompts().refusal() : tr("The model is not open yet."));
                 });
    actions_.add({"analyse.heads", "&Analyse", tr("&Head Scores"), QKeySequence(Qt::Key_F7),
                  tr("Score every head as an induction, previous-token and duplicate-token head")},
                 [this] {
                     raise_dock(heads_);
                     heads_->run();
                 });
    actions_.add(
        {"analyse.any", "&Analyse", tr("&Run Analysis"), QKeySequence(Qt::Key_F8), tr("Run the analysis chosen in the Analyses dock")},
        [this] {
            raise_dock(analyses_);
            analyses_->run();
        });
    make_step_actions();
    QMenu* others = actions_.menu(QStringLiteral("&Analyse"))->addMenu(tr("&All Analyses"));
    for (const auto& [name, summary] : workspace_.engine().analyses()) {
        others
            ->addAction(titled(name), this,
                        [this, name] {
                            if (!analyses_->choose(name)) return tabs_->setCurrentWidget(patching_);
                            raise_dock(analyses_);
                            analyses_->analysis_box()->setFocus();
                        })
            ->setStatusTip(QString::fromStdString(summary));
    }
    actions_.add({"analyse.intervene", "&Analyse", tr("&Intervene Here"), QKeySequence(Qt::CTRL | Qt::Key_I),
                  tr("Add an intervention at the selected place")},
                 [this] {
                     raise_dock(interventions_);
                     interventions_->add_here();
                 });
    actions_.add({"analyse.cancel", "&Analyse", tr("&Cancel Job"), QKeySequence(Qt::Key_Escape),
                  tr("Stop the running job; what is finished is kept. Without a job, Esc clears the pins")},
                 [this] { workspace_.cancel(); });
    make_help_actions();
}

void MainWindow::make_file_actions() {
    const char* const menu = "&File";
    actions_.add({"file.open_model", menu, tr("&Open Model Folder…"), QKeySequence::Open, tr("Open a model in Hugging Face layout")},
                 [this] {
                     ask({FileChooser::Kind::open_folder, tr("Open Model Folder"), {}, {}}, [this](const QString& path) { open(path); });
                 });
    QMenu* bundled = actions_.menu(QStringLiteral("&File"))->addMenu(tr("Open &Bundled Model"));
    for (const std::string& name : workspace_.engine().bundled())
        bundled->addAction(QString::fromStdString(name), this, [this, name] { open(QString::fromStdString(name)); })
            ->setStatusTip(tr("Open this model"));
    actions_.add({"file.download", menu, tr("Do&wnload Model…"), {}, tr("Fetch a model from the hub and open it")},
                 [this] { ask_for_download(); });
    actions_.add(
        {"file.open_session", menu, tr("Open &Session…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O), tr("Open a saved session")},
        [this] {
            ask({FileChooser::Kind::open_file, tr("Open Session"), tr("Sessions (*.microtome.json *.json)"), {}},
                [this](const QString& path) { open(path); });
        });
    QMenu* examples = actions_.menu(QStringLiteral("&File"))->addMenu(tr("Open &Example"));
    for (const auto& [name, file] : bundled_sessions())
        examples->addAction(QString::fromStdString(name), this, [this, name] { open(QString::fromStdString(name)); })
            ->setStatusTip(tr("Open this session"));
    actions_.add({"file.open_store", menu, tr("Open &Activations…"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_O),
                  tr("Look into an activation store, as microtome cache writes it")},
                 [this] {
                     ask({FileChooser::Kind::open_file, tr("Open Activations"), tr("Activation stores (*.h5 *.h5.part)"), {}},
                         [this](const QString& path) { open(path); });
                 });
    QMenu* recent = actions_.menu(QStringLiteral("&File"))->addMenu(tr("Open &Recent"));
    connect(recent, &QMenu::aboutToShow, this, [this, recent] { fill_recent(recent); });
    actions_.add({"file.save", menu, tr("&Save Session"), QKeySequence::Save,
                  tr("Save prompts, parameters and selection; microtome run runs the file"), false, true},
                 [this] { save(); });
    actions_.add({"file.save_as", menu, tr("Save Session &As…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S),
                  tr("Save the session under another name")},
                 [this] { save_as(); });
    actions_.add({"file.export_figure", menu, tr("Export &Figure…"), QKeySequence(Qt::CTRL | Qt::Key_E),
                  tr("Write the map shown as SVG, PDF or PNG"), false, true},
                 [this] {
                     ask({FileChooser::Kind::save_file, tr("Export Figure"), tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"),
                          suggested(QStringLiteral("svg"))},
                         [this](const QString& path) { export_figure_to(path); });
                 });
    actions_.add({"file.export_data", menu, tr("Export &Data…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E),
                  tr("Write the numbers shown as CSV, JSON or HDF5")},
                 [this] {
                     ask({FileChooser::Kind::save_file, tr("Export Data"), tr("CSV (*.csv);;JSON (*.json);;HDF5 (*.h5)"),
                          suggested(QStringLiteral("csv"))},
                         [this](const QString& path) { export_data_to(path); });
                 });
    actions_.add({"file.copy_script", menu, tr("&Copy as Script"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_C),
                  tr("Copy a shell command that computes the same numbers without the window")},
                 [this] { QApplication::clipboard()->setText(script_text()); });
    actions_.add({"file.quit", menu, tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), tr("Close the window"), false, true},
                 [this] { close(); });
}

void MainWindow::make_model_actions() {
    actions_.add(
        {"model.numerics", "&Model", tr("&Numerics…"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_N),
         tr("Number type, device, threads and weight processing of the model")},
        [this] {
            auto* dialog = new NumericsDialog(workspace_.document().session().model, workspace_.document().session().threads, this);
            dialog->setAttribute(Qt::WA_DeleteOnClose);
            connect(dialog, &QDialog::accepted, this, [this, dialog] { workspace_.open_again(dialog->chosen(), dialog->threads()); });
            dialog->open();
        });
}

void MainWindow::make_edit_actions() {
    const char* const menu = "&Edit";
    QUndoStack& stack = workspace_.document().undo_stack();
    actions_.adopt(stack.createUndoAction(this, tr("&Undo")),
                   {"edit.undo", menu, {}, QKeySequence::Undo, tr("Take back the last edit of prompts or parameters")});
    actions_.adopt(stack.createRedoAction(this, tr("&Redo")),
                   {"edit.redo", menu, {}, QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), tr("Do again what was taken back")});
    actions_.add(
        {"edit.copy", menu, tr("&Copy Numbers"), QKeySequence::Copy, tr("Copy the matrix in focus as tab-separated numbers"), false, true},
        [this] { copy(); });
    actions_.add({"edit.swap_prompts", menu, tr("&Swap Prompts"), {}, tr("Exchange the clean and the corrupted prompt")},
                 [this] { workspace_.document().swap_prompts(); });
    actions_.add({"edit.swap_answers", menu, tr("Swap Answer and &Foil"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_X),
                  tr("Exchange answer and foil")},
                 [this] { workspace_.document().swap_answer_and_foil(); });
    actions_.add({"edit.clear_pins", menu, tr("Clear P&ins"), {}, tr("Take all pins away (Esc, while no job runs)")},
                 [this] { workspace_.selection().clear_pins(); });
    actions_.add({"edit.go_to", menu, tr("&Go To…"), QKeySequence(Qt::CTRL | Qt::Key_G),
                  tr("Type a place in the model, for example L2.H1@5"), false, true},
                 [this] {
                     place_->setFocus(Qt::ShortcutFocusReason);
                     place_->selectAll();
                 });
}

void MainWindow::make_view_actions() {
    const char* const menu = "&View";
    for (QDockWidget* dock : docks_) {
        const QByteArray id = "view." + dock->objectName().toLatin1();
        actions_.adopt(dock->toggleViewAction(), {id.constData(), menu, {}, {}, tr("Show or hide %1").arg(dock->windowTitle())});
    }
    make_matrix_actions();
    make_tab_actions();
    actions_.add(
        {"view.table", menu, tr("Show as &Table"), QKeySequence(Qt::CTRL | Qt::Key_T), tr("Read the matrix as a table of numbers"), true},
        [this] {
            const bool on = actions_.find(QStringLiteral("view.table"))->isChecked();
            patching_->panel()->show_table(on);
            attention_->panel()->show_table(on);
            store_->panel()->show_table(on);
        });
    actions_.add({"view.dark", menu, tr("&Dark Theme"), {}, tr("Dark colours on screen; figures stay light"), true},
                 [this] { set_dark(actions_.find(QStringLiteral("view.dark"))->isChecked()); });
    actions_.find(QStringLiteral("view.dark"))->setChecked(Theme::of(palette()).dark);
    actions_.add(
        {"view.back", menu, tr("Selection &Back"), QKeySequence(Qt::ALT | Qt::Key_Left), tr("The place selected before"), false, true},
        [this] { workspace_.selection().back(); });
    actions_.add({"view.forward", menu, tr("Selection &Forward"), QKeySequence(Qt::ALT | Qt::Key_Right), tr("The place selected after")},
                 [this] { workspace_.selection().forward(); });
}

void MainWindow::make_help_actions() {
    const char* const menu = "&Help";
    actions_.add(
        {"help.shortcuts", menu, tr("&Keyboard Shortcuts"), QKeySequence(Qt::CTRL | Qt::Key_Slash), tr("Every shortcut of the window")},
        [this] {
            show_text(tr("Keyboard Shortcuts"),
                      actions_.shortcuts_text() +
                          tr("\n\nIn a matrix\nArrows, Home, End, Page Up, Page Down\tmove the current cell\nEnter\tpatch that cell, in "
                             "the patching map\nSpace, Shift+click\tpin or "
                             "unpin a cell\n"
                             "Ctrl+wheel\tzoom\nDrag, wheel\tmove the visible part when zoomed\nEsc\tclear the pins, while no job runs"));
        });
    actions_.add({"help.about", menu, tr("&About Microtome"), {}, tr("Version and model")}, [this] {
        QString text =
            tr("Microtome %1\nMechanistic interpretability of transformers.\nGNU General Public License, version 3 or later.\nQt %2")
                .arg(QStringLiteral(MICROTOME_VERSION), QString::fromLatin1(qVersion()));
        if (const OpenModel* model = workspace_.model())
            text += tr("\n\nModel %1\nSHA-256 %2")
                        .arg(QString::fromStdString(model->facts().name), QString::fromStdString(model->facts().sha256));
        show_text(tr("About Microtome"), text);
    });
}

void MainWindow::set_dark(bool dark) {
    apply_theme(*qApp, dark);
    setPalette(QApplication::palette());
    actions_.find(QStringLiteral("view.dark"))->setChecked(dark);
    if (settings_) settings_->setValue(QStringLiteral("dark"), dark);
}

void MainWindow::show_text(const QString& title, const QString& text) {
    auto* dialog = new QDialog(this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(title);
    auto* view = new QPlainTextEdit(text, dialog);
    view->setReadOnly(true);
    view->setAccessibleName(title);
    view->setFrameShape(QFrame::NoFrame);
    view->setTabStopDistance(fontMetrics().averageCharWidth() * 18);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
    connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
    auto* layout = new QVBoxLayout(dialog);
    layout->addWidget(view);
    layout->addWidget(buttons);
    dialog->resize(fontMetrics().averageCharWidth() * 72, fontMetrics().height() * 26);
    dialog->open();
}

/// What zoom and sync act on: the matrix in focus.
void MainWindow::make_matrix_actions() {
    const char* const menu = "&View";
    actions_.add({"view.zoom_in", menu, tr("Zoom &In"), QKeySequence(Qt::CTRL | Qt::Key_Equal),
                  tr("Show fewer cells of the matrix in focus"), false, true},
                 [this] { focused_panel()->map()->zoom(1.5); });
    actions_.add(
        {"view.zoom_out", menu, tr("Zoom &Out"), QKeySequence(Qt::CTRL | Qt::Key_Minus), tr("Show more cells of the matrix in focus")},
        [this] { focused_panel()->map()->zoom(1 / 1.5); });
    actions_.add({"view.zoom_all", menu, tr("Show A&ll Cells"), QKeySequence(Qt::CTRL | Qt::Key_0), tr("Show the whole matrix in focus")},
                 [this] { focused_panel()->map()->zoom_to_all(); });
    actions_.add({"view.sync", menu, tr("S&ync View"), QKeySequence(Qt::CTRL | Qt::Key_L),
                  tr("Let the matrix in focus follow the selection of the window, or hold it where it is")},
                 [this] { focused_panel()->set_synced(!focused_panel()->synced()); });
}

void MainWindow::raise_dock(QWidget* view) {
    for (QWidget* parent = view->parentWidget(); parent; parent = parent->parentWidget())
        if (auto* dock = qobject_cast<QDockWidget*>(parent)) {
            dock->show();
            dock->raise();
            return;
        }
}

bool MainWindow::focused(const QWidget* view) const {
    return view->isAncestorOf(QApplication::focusWidget());
}

MatrixPanel* MainWindow::focused_panel() const {
    if (focused(attention_)) return attention_->panel();
    if (const ResultView* view = shown_result())
        if (const ViewWidget* shown = view->current(); shown && shown->panel()) return shown->panel();
    return tabs_->currentWidget() == store_ ? store_->panel() : patching_->panel();
}

void MainWindow::copy() {
    if (focused(browser_)) return browser_->copy_hook();
    if (focused(heads_)) {
        if (const auto view = heads_->shown())
            QApplication::clipboard()->setText(QString::fromStdString(view_to_csv(view->view)).replace(',', '\t'));
        return;
    }
    const MatrixPanel* panel = focused_panel();
    if (panel->map()->grid()) QApplication::clipboard()->setText(panel->model().tsv());
}

}  // namespace microtome
