#include "widgets/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QFileInfo>
#include <QKeyEvent>
#include <QMessageBox>
#include <QScreen>
#include <QStatusBar>
#include <QTabBar>
#include <QToolBar>
#include <QUndoView>

#include "core/base/files.h"
#include "widgets/figures/text.h"
#include "widgets/step_names.h"
#include "widgets/theme.h"

namespace microtome {
namespace {

constexpr int layout_version = 3;

}  // namespace

MainWindow::MainWindow(std::unique_ptr<Engine> engine, std::unique_ptr<QSettings> settings)
    : settings_(std::move(settings)), workspace_(std::move(engine)), actions_(*this), chooser_(make_file_chooser()) {
    setObjectName(QStringLiteral("window.main"));
    setDockOptions(AllowNestedDocks | AllowTabbedDocks);
    setAcceptDrops(true);
    patching_ = new PatchingView(workspace_, this);
    store_ = new StoreBrowser(workspace_, this);
    store_->hide();
    tabs_ = new QTabWidget(this);
    tabs_->setDocumentMode(true);
    tabs_->setFocusPolicy(Qt::NoFocus);  // its tab bar takes the focus, but a hidden one would keep it
    tabs_->setTabBarAutoHide(true);      // one view alone needs no tab
    tabs_->addTab(patching_, tr("Patching"));
    tabs_->setTabsClosable(true);
    tabs_->tabBar()->setTabButton(0, QTabBar::RightSide, nullptr);  // the map stays
    connect(tabs_, &QTabWidget::tabCloseRequested, this, [this](int tab) {
        QWidget* const page = tabs_->widget(tab);
        if (page == patching_) return;
        tabs_->removeTab(tab);
        page == store_ ? store_->close() : page->deleteLater();
    });
    setCentralWidget(tabs_);
    make_docks();
    connect(patching_->map(), &TableCanvas::activated, this, [this](int row, int column) {
        run_single_patch(patching_->map()->flat({row, column}));
    });
    make_status_bar();
    make_actions();
    make_tool_bar();
    connect(&workspace_, &Workspace::model_changed, this, &MainWindow::show_status);
    connect(&workspace_, &Workspace::tokens_changed, this, &MainWindow::show_status);
    connect(&workspace_, &Workspace::failed, this, &MainWindow::show_error);
    connect(&workspace_.jobs(), &JobQueue::updated, this, &MainWindow::show_status);
    connect(store_, &StoreBrowser::failed, this, &MainWindow::show_error);
    connect(store_, &StoreBrowser::opened, this, [this](const QString& title) { tabs_->setTabText(tabs_->indexOf(store_), title); });
    connect(&workspace_.selection(), &SelectionModel::current_changed, this, &MainWindow::show_status);
    connect(&workspace_.selection(), &SelectionModel::hover_changed, this, &MainWindow::show_status);
    connect(&workspace_.document().undo_stack(), &QUndoStack::cleanChanged, this, &MainWindow::show_title);
    connect(&workspace_.selection(), &SelectionModel::pins_full, this,
            [this] { show_error(tr("All %1 pins are taken: unpin one first, or Esc clears them.").arg(SelectionModel::pin_slots)); });
    const QSize wanted(fontMetrics().height() * 100, fontMetrics().height() * 58);
    resize(wanted.boundedTo(screen()->availableSize()));
    if (settings_) {
        restoreGeometry(settings_->value(QStringLiteral("geometry")).toByteArray());
        restoreState(settings_->value(QStringLiteral("layout")).toByteArray(), layout_version);
    }
    show_title();
    show_status();
}

MainWindow::~MainWindow() = default;

QDockWidget* MainWindow::make_dock(const char* id, const QString& title, QWidget* widget, Qt::DockWidgetArea area) {
    auto* dock = new QDockWidget(title, this);
    dock->setObjectName(QString::fromLatin1(id));
    dock->setWidget(widget);
    addDockWidget(area, dock);
    docks_ << dock;
    return dock;
}

void MainWindow::make_docks() {
    setCorner(Qt::TopLeftCorner, Qt::TopDockWidgetArea);
    setCorner(Qt::TopRightCorner, Qt::TopDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    prompts_ = new PromptEditor(workspace_, this);
    attention_ = new AttentionView(workspace_, this);
    heads_ = new HeadScoresView(workspace_, this);
    pins_ = new PinsView(workspace_.selection(), this);
    jobs_ = new JobsView(workspace_.jobs(), this);
    auto* history = new QUndoView(&workspace_.document().undo_stack(), this);
    history->setEmptyLabel(tr("Session as opened"));
    history->setAccessibleName(tr("History of edits"));
    make_dock("dock.prompts", tr("Prompts"), prompts_, Qt::TopDockWidgetArea);
    QDockWidget* attention = make_dock("dock.attention", tr("Attention"), attention_, Qt::RightDockWidgetArea);
    browser_ = new ModelBrowser(workspace_, this);
    interventions_ = new InterventionsView(workspace_, this);
    connect(browser_, &ModelBrowser::intervention_wanted, this, [this](const QString& target) {
        raise_dock(interventions_);
        interventions_->add_at(target);
    });
    analyses_ = new AnalysesView(workspace_, this);
    connect(analyses_, &AnalysesView::started, this, &MainWindow::open_result);
    QDockWidget* model = make_dock("dock.model", tr("Model"), browser_, Qt::LeftDockWidgetArea);
    tabifyDockWidget(model, make_dock("dock.analyses", tr("Analyses"), analyses_, Qt::LeftDockWidgetArea));
    tabifyDockWidget(model, make_dock("dock.heads", tr("Heads"), heads_, Qt::LeftDockWidgetArea));
    tabifyDockWidget(model, make_dock("dock.interventions", tr("Interventions"), interventions_, Qt::LeftDockWidgetArea));
    model->raise();
    QDockWidget* jobs = make_dock("dock.jobs", tr("Jobs"), jobs_, Qt::BottomDockWidgetArea);
    tabifyDockWidget(jobs, make_dock("dock.history", tr("History"), history, Qt::BottomDockWidgetArea));
    tabifyDockWidget(attention, make_dock("dock.pins", tr("Pins"), pins_, Qt::RightDockWidgetArea));
    attention->raise();
    jobs->raise();
    const int em = fontMetrics().height();
    resizeDocks({model, attention}, {em * 25, em * 24}, Qt::Horizontal);
    resizeDocks({jobs}, {em * 8}, Qt::Vertical);
}

void MainWindow::make_status_bar() {
    const auto add = [this](const QString& name, int stretch) {
        auto* label = new QLabel(this);
        label->setTextFormat(Qt::PlainText);
        label->setAccessibleName(name);
        label->setMinimumWidth(1);
        label->setMargin(fontMetrics().height() / 4);
        statusBar()->addPermanentWidget(label, stretch);
        return label;
    };
    model_label_ = add(tr("Model"), 0);
    hash_label_ = add(tr("Hash of the prompts"), 0);
    value_label_ = add(tr("Selection"), 1);
    job_label_ = add(tr("Job"), 0);
    job_bar_ = new QProgressBar(this);
    job_bar_->setAccessibleName(tr("Progress of the job"));
    job_bar_->setMaximumWidth(fontMetrics().height() * 8);
    job_bar_->setMaximumHeight(fontMetrics().height());
    job_bar_->setTextVisible(false);
    statusBar()->addPermanentWidget(job_bar_);
}

void MainWindow::make_tool_bar() {
    auto* bar = addToolBar(tr("Tools"));
    bar->setObjectName(QStringLiteral("bar.tools"));
    bar->setMovable(false);
    for (const char* id : {"analyse.patching", "analyse.cancel", "", "edit.undo", "edit.redo", "", "view.back", "view.forward"}) {
        if (QAction* action = actions_.find(QString::fromLatin1(id)))
            bar->addAction(action);
        else
            bar->addSeparator();
    }
    place_ = new QLineEdit(this);
    place_->setAccessibleName(tr("Selected place"));
    place_->setPlaceholderText(tr("place, for example L2.H1@5"));
    place_->setToolTip(tr("The selected place in the model; type one to go there (Ctrl+G)"));
    place_->setMaximumWidth(fontMetrics().averageCharWidth() * 34);
    connect(place_, &QLineEdit::returnPressed, this, &MainWindow::go_to);
    bar->addSeparator();
    bar->addWidget(place_);
}

ResultView* MainWindow::result(const std::string& analysis) const {
    for (int tab = 0; tab < tabs_->count(); ++tab)
        if (auto* view = qobject_cast<ResultView*>(tabs_->widget(tab)); view && view->analysis() == analysis) return view;
    return nullptr;
}

void MainWindow::run_single_patch(std::size_t flat) {
    const NodeRef ref = patching_->panel()->node(flat);
    if (ref.site.empty() || ref.layer < 0) return show_error(tr("This map's cells are not single patches."));
    Json params{
        {"site", ref.site}, {"layer", ref.layer}, {"direction", workspace_.patching().request.params.value("direction", "denoise")}};
    if (ref.head >= 0) params["head"] = ref.head;
    if (ref.position >= 0) params["position"] = ref.position;
    workspace_.document().edit_params_of("single-patch", params, tr("Patch %1").arg(QString::fromStdString(to_string(ref))));
    analyses_->choose("single-patch");
    analyses_->run();
    focus_view();  // the map that was asked is behind the new tab
}

ResultView* MainWindow::shown_result() const {
    return qobject_cast<ResultView*>(tabs_->currentWidget());
}

void MainWindow::open_result(const QString& analysis) {
    ResultView* view = result(analysis.toStdString());
    if (!view) {
        view = new ResultView(workspace_, analysis.toStdString(), this);
        tabs_->addTab(view, step_title(analysis.toStdString()));
    }
    tabs_->setCurrentWidget(view);
}

void MainWindow::show_title() {
    const QString name = file_.isEmpty() ? tr("untitled session") : QFileInfo(file_).fileName();
    setWindowTitle(name + QStringLiteral("[*]"));
    setWindowModified(!workspace_.document().undo_stack().isClean());
}

void MainWindow::show_status() {
    const OpenModel* model = workspace_.model();
    if (model) {
        const ModelFacts& facts = model->facts();
        model_label_->setText(QString::fromStdString(facts.name + " · " + facts.dtype + " · " + facts.device +
                                                     (facts.processing == "raw" ? "" : " · " + facts.processing)));
        model_label_->setToolTip(tr("%1\n%2\n%3 layers, %4 heads\nSHA-256 %5")
                                     .arg(QString::fromStdString(facts.path), QString::fromStdString(facts.architecture))
                                     .arg(facts.n_layers)
                                     .arg(facts.n_heads)
                                     .arg(QString::fromStdString(facts.sha256)));
    } else {
        model_label_->setText(workspace_.model_error().isEmpty() ? tr("opening…") : tr("no model"));
    }
    const PromptPair& pair = workspace_.document().pair();
    hash_label_->setText(tr("prompts %1").arg(QString::fromStdString(sha256(to_json(pair).dump())).left(8)));
    const NodeRef& current = workspace_.selection().current();
    const NodeRef& hover = workspace_.selection().hover();
    const QString place = QString::fromStdString(to_string(current));
    if (place_ && !place_->hasFocus()) place_->setText(place);
    const QString readout = patching_->panel()->readout();
    const bool cell = patching_->map()->hovering() || (hover.empty() && patching_->map()->current_cell().valid());
    value_label_->setText(cell ? readout : hover.empty() ? place : QString::fromStdString(to_string(hover)));
    if (QAction* back = actions_.find(QStringLiteral("view.back"))) back->setEnabled(workspace_.selection().can_go_back());
    if (QAction* forward = actions_.find(QStringLiteral("view.forward"))) forward->setEnabled(workspace_.selection().can_go_forward());
    const JobInfo* job = workspace_.jobs().active();
    if (QAction* cancel = actions_.find(QStringLiteral("analyse.cancel"))) cancel->setEnabled(job != nullptr);
    job_bar_->setVisible(job != nullptr);
    job_label_->setVisible(job != nullptr);
    if (!job) return;
    job_label_->setText(job->title);
    job_bar_->setRange(0, job->total > 0 ? 1000 : 0);
    if (job->total > 0) job_bar_->setValue(static_cast<int>(1000 * job->done / job->total));
}

void MainWindow::show_error(const QString& text) {
    statusBar()->showMessage(text, 10'000);
}

void MainWindow::go_to() {
    try {
        const NodeRef ref = parse_node_ref(place_->text().trimmed().toStdString());
        workspace_.selection().set_current(ref, place_);
        patching_->map()->setFocus();
    } catch (const Error& error) {
        show_error(QString::fromUtf8(error.what()));
    }
}

void MainWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        workspace_.selection().clear_pins();
    else
        QMainWindow::keyPressEvent(event);
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (settings_ && !workspace_.document().undo_stack().isClean()) {
        event->ignore();
        auto* box = new QMessageBox(QMessageBox::Question, tr("Save the session?"), tr("The session has changes that are not saved."),
                                    QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, this);
        box->setAttribute(Qt::WA_DeleteOnClose);
        connect(box, &QMessageBox::finished, this, [this](int answer) {
            if (answer == QMessageBox::Save) save();
            if (answer == QMessageBox::Discard) workspace_.document().undo_stack().setClean(), close();
        });
        box->open();
        return;
    }
    if (settings_) {
        settings_->setValue(QStringLiteral("geometry"), saveGeometry());
        settings_->setValue(QStringLiteral("layout"), saveState(layout_version));
    }
    workspace_.cancel();
    QMainWindow::closeEvent(event);
}

}  // namespace microtome
