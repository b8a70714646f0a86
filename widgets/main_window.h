// The window: docks around the patching map. It only composes; what happens lies in Workspace and the views.
#pragma once

#include <QLabel>
#include <QMainWindow>
#include <QProgressBar>
#include <QSettings>
#include <QTabWidget>
#include <memory>

#include "widgets/action_registry.h"
#include "widgets/analyses_view.h"
#include "widgets/attention_view.h"
#include "widgets/download_dialog.h"
#include "widgets/file_chooser.h"
#include "widgets/head_scores_view.h"
#include "widgets/interventions_view.h"
#include "widgets/jobs_view.h"
#include "widgets/model_browser.h"
#include "widgets/patching_view.h"
#include "widgets/pins_view.h"
#include "widgets/prompt_editor.h"
#include "widgets/results/result_view.h"
#include "widgets/store_browser.h"
#include "widgets/workspace.h"

namespace microtome {

class MainWindow : public QMainWindow {
    Q_OBJECT
  public:
    /// Settings (geometry, recent files, theme) are kept in `settings`, or nowhere if it is null.
    explicit MainWindow(std::unique_ptr<Engine> engine, std::unique_ptr<QSettings> settings = nullptr);
    ~MainWindow() override;

    Workspace& workspace() { return workspace_; }
    ActionRegistry& actions() { return actions_; }
    PromptEditor* prompts() const { return prompts_; }
    PatchingView* patching() const { return patching_; }
    AttentionView* attention() const { return attention_; }
    HeadScoresView* heads() const { return heads_; }
    PinsView* pins() const { return pins_; }
    StoreBrowser* store() const { return store_; }
    ModelBrowser* browser() const { return browser_; }
    InterventionsView* interventions() const { return interventions_; }
    AnalysesView* analyses() const { return analyses_; }
    /// The tab of an analysis' results; null if it is not open.
    ResultView* result(const std::string& analysis) const;
    QLineEdit* place_edit() const { return place_; }
    /// The selection as the status bar tells it.
    QString value_text() const { return value_label_->text(); }
    void set_file_chooser(std::unique_ptr<FileChooser> chooser) { chooser_ = std::move(chooser); }

    /// A session file, an activation store, a model folder or name. Mistakes are shown, not thrown.
    void open(const QString& what);
    /// What the program starts with: the given thing, or the bundled model with its example.
    void open_first(const QString& what);
    void open_session(const QString& file);
    /// Every step of the session, one after the other; each has a tab.
    void run_steps();
    void open_store(const QString& file);
    bool save_session(const QString& file);
    void export_figure_to(const QString& file);
    void export_data_to(const QString& file);
    QString script_text();
    void set_dark(bool dark);

  protected:
    void closeEvent(QCloseEvent* event) override;
    /// Esc without a running job.
    void keyPressEvent(QKeyEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

  private:
    void make_docks();
    /// One cell of the patching map, looked at closely.
    void run_single_patch(std::size_t flat);
    /// The tab of this analysis' results, opened if it is not there.
    void open_result(const QString& analysis);
    ResultView* shown_result() const;
    /// Result tabs of steps that are not in the session any more.
    void close_gone_results();
    void make_step_actions();
    void make_tab_actions();
    /// The tab so many further, round the end; the keyboard goes with it.
    void turn_tab(int by);
    /// The same for the views of the result in front.
    void turn_view(int by);
    void focus_view();
    QDockWidget* make_dock(const char* id, const QString& title, QWidget* widget, Qt::DockWidgetArea area);
    void make_status_bar();
    void make_tool_bar();
    void make_actions();
    void make_file_actions();
    void make_edit_actions();
    void make_model_actions();
    void make_view_actions();
    void raise_dock(QWidget* view);
    void make_help_actions();

    void ask(const FileChooser::Question& question, const FileChooser::Answer& answer);
    void save();
    void save_as();
    void remember(const QString& file);
    void fill_recent(QMenu* menu);
    /// Opens the model once it is here.
    void ask_for_download();
    QString suggested(const QString& suffix) const;
    Json views() const;
    void restore_views(const Json& views);
    void show_error(const QString& text);
    void show_title();
    void show_status();
    void copy();
    void go_to();
    void show_text(const QString& title, const QString& text);
    /// A view as it is exported, with where it came from.
    struct Exported {
        NamedView view;
        SceneOptions scene;
        std::string analysis;
        Json manifest{};
        std::vector<std::pair<std::string, double>> summary{};
    };
    bool focused(const QWidget* view) const;
    /// The view that has the focus; the patching map if none has.
    std::optional<Exported> exported() const;
    MatrixPanel* focused_panel() const;
    void make_matrix_actions();

    std::unique_ptr<QSettings> settings_;
    Workspace workspace_;
    ActionRegistry actions_;
    std::unique_ptr<FileChooser> chooser_;
    QString file_;
    DownloadDialog* download_ = nullptr;  // made when it is asked for; a cancelled transfer ends behind it
    PromptEditor* prompts_ = nullptr;
    PatchingView* patching_ = nullptr;
    AttentionView* attention_ = nullptr;
    HeadScoresView* heads_ = nullptr;
    PinsView* pins_ = nullptr;
    StoreBrowser* store_ = nullptr;
    ModelBrowser* browser_ = nullptr;
    InterventionsView* interventions_ = nullptr;
    AnalysesView* analyses_ = nullptr;
    QTabWidget* tabs_ = nullptr;
    JobsView* jobs_ = nullptr;
    QLineEdit* place_ = nullptr;
    QLabel *model_label_ = nullptr, *hash_label_ = nullptr, *value_label_ = nullptr, *job_label_ = nullptr;
    QProgressBar* job_bar_ = nullptr;
    QList<QDockWidget*> docks_;
};

}  // namespace microtome
