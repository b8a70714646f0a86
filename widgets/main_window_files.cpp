// Opening, saving and exporting.
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>
#include <QStatusBar>
#include <algorithm>

#include "analyses/bundled_sessions.h"
#include "analyses/views/serialize.h"
#include "core/base/files.h"
#include "widgets/figures/export.h"
#include "widgets/main_window.h"
#include "widgets/theme.h"

namespace microtome {
namespace {

constexpr int most_recent = 10;

QString dropped_path(const QMimeData* data) {
    const QList<QUrl> urls = data->urls();
    return urls.size() == 1 ? urls.front().toLocalFile() : QString();
}

bool is_store(const QString& path) {
    return (path.endsWith(QStringLiteral(".h5")) || path.endsWith(QStringLiteral(".h5.part"))) && !QFileInfo(path).isDir();
}

/// Such a session is saved elsewhere.
bool comes_with_the_program(const QString& session) {
    const auto bundled = bundled_sessions();
    return std::any_of(bundled.begin(), bundled.end(),
                       [&](const auto& known) { return QFileInfo(session) == QFileInfo(QString::fromStdString(known.second.string())); });
}

bool is_session(const QString& path) {
    return path.endsWith(QStringLiteral(".json")) && !QFileInfo(path).isDir();
}

}  // namespace

void MainWindow::ask(const FileChooser::Question& question, const FileChooser::Answer& answer) {
    chooser_->ask(this, question, answer);
}

void MainWindow::open(const QString& what) {
    if (is_session(what)) {
        open_session(what);
        return;
    }
    if (is_store(what)) {
        open_store(QFileInfo(what).absoluteFilePath());
        return;
    }
    if (const auto session = bundled_session(what.toStdString()); !session.empty()) {
        open_session(QString::fromStdString(session.string()));
        return;
    }
    const bool path = what.contains(QLatin1Char('/')) && QFileInfo::exists(what);  // else a name
    const QString model = path ? QFileInfo(what).absoluteFilePath() : what;
    remember(model);
    workspace_.open_model(model);
}

void MainWindow::open_first(const QString& what) {
    NodeRef head;
    head.layer = head.head = 0;
    workspace_.selection().set_current(head, nullptr);
    if (what.isEmpty() || is_store(what)) workspace_.open_model(QString::fromStdString(welcome_session().model.path));
    if (!what.isEmpty()) open(what);
}

void MainWindow::open_store(const QString& file) {
    if (tabs_->indexOf(store_) < 0) tabs_->addTab(store_, QFileInfo(file).fileName());
    tabs_->setCurrentWidget(store_);
    store_->open(file);
    remember(file);
}

void MainWindow::open_session(const QString& file) {
    try {
        SessionFile session = read_session(file.toStdString());
        const Json views = session.views;
        workspace_.load_session(std::move(session));
        file_ = comes_with_the_program(file) ? QString() : QFileInfo(file).absoluteFilePath();
        if (!file_.isEmpty()) remember(file_);
        close_gone_results();
        restore_views(views);
        show_title();
    } catch (const Error& error) {
        show_error(QString::fromUtf8(error.what()));
    }
}

bool MainWindow::save_session(const QString& file) {
    try {
        workspace_.document().set_views(views());
        workspace_.document().move_to(QFileInfo(file).absolutePath().toStdString());
        write_session(file.toStdString(), workspace_.document().session());
    } catch (const Error& error) {
        show_error(QString::fromUtf8(error.what()));
        return false;
    }
    file_ = QFileInfo(file).absoluteFilePath();
    workspace_.document().undo_stack().setClean();
    remember(file_);
    show_title();
    statusBar()->showMessage(tr("Saved %1").arg(file), 5'000);
    return true;
}

void MainWindow::save() {
    if (file_.isEmpty())
        save_as();
    else
        save_session(file_);
}

void MainWindow::save_as() {
    ask({FileChooser::Kind::save_file, tr("Save Session"), tr("Sessions (*.microtome.json)"), suggested(QStringLiteral("microtome.json"))},
        [this](const QString& path) { save_session(path); });
}

QString MainWindow::suggested(const QString& suffix) const {
    const QFileInfo file(file_);
    const QString base = file_.isEmpty() ? QStringLiteral("session") : file.fileName().section(QLatin1Char('.'), 0, 0);
    const QString name = base + QLatin1Char('.') + suffix;
    return file_.isEmpty() ? name : file.absolutePath() + QLatin1Char('/') + name;
}

Json MainWindow::views() const {
    const auto& selection = const_cast<MainWindow*>(this)->workspace_.selection();
    Json pins = Json::array();
    for (const auto& pin : selection.pins()) pins.push_back(pin ? Json(to_string(*pin)) : Json());
    return Json{{"layout", "Patching"},
                {"selection", to_string(selection.current())},
                {"pins", pins},
                {"attention", {{"side", attention_->side_box()->currentIndex()}, {"kind", attention_->kind_box()->currentIndex()}}}};
}

/// Views are the app's own: what can't be read is left as it is.
void MainWindow::restore_views(const Json& views) {
    SelectionModel& selection = workspace_.selection();
    try {
        selection.set_current(parse_node_ref(views.value("selection", "")), nullptr);
        SelectionModel::Pins pins;
        const Json saved = views.value("pins", Json::array());
        for (std::size_t i = 0; i < pins.size() && i < saved.size(); ++i)
            if (saved[i].is_string()) pins[i] = parse_node_ref(saved[i]);
        selection.set_pins(pins);
        const Json attention = views.value("attention", Json::object());
        attention_->side_box()->setCurrentIndex(attention.value("side", 0));
        attention_->kind_box()->setCurrentIndex(attention.value("kind", 0));
    } catch (const Error& error) {
        show_error(QString::fromUtf8(error.what()));
    } catch (const Json::exception& error) {
        show_error(QString::fromUtf8(error.what()));
    }
}

std::optional<MainWindow::Exported> MainWindow::exported() const {
    const auto of = [](const std::optional<NamedView>& view, SceneOptions scene, const QString& caption,
                       const ShownResult& result) -> std::optional<Exported> {
        if (!view) return {};
        scene.caption = caption.toStdString();
        Exported out{*view, scene, result.request.analysis};
        if (result.record) out.manifest = result.record->manifest;
        return out;
    };
    if (focused(heads_) && heads_->shown())
        return of(heads_->shown(), {.title = "Head scores"}, heads_->provenance(), workspace_.head_scores());
    if (focused(attention_) && attention_->shown()) {
        const SceneOptions scene = attention_->scene_options();
        return of(attention_->shown(), scene, QString::fromStdString(scene.title), workspace_.attention(Side::clean));
    }
    if (tabs_->currentWidget() == store_) {
        auto out = of(store_->shown(), store_->scene_options(), store_->provenance(), {});
        if (out) out->analysis = "activations", out->manifest = store_->manifest();
        return out;
    }
    if (const ResultView* view = shown_result()) {
        auto out = of(view->shown(), view->scene_options(), view->provenance(), view->result());
        if (out && view->result().record) out->summary = view->result().record->result.summary;
        return out;
    }
    const NamedView* map = patching_->shown();
    const ShownResult& result = workspace_.patching();
    auto out = of(map ? std::optional(*map) : std::nullopt, patching_->scene_options(), patching_->provenance(), result);
    if (out && result.record) out->summary = result.record->result.summary;
    return out;
}

void MainWindow::export_figure_to(const QString& file) {
    const auto shown = exported();
    if (!shown) return show_error(tr("There is no map to export yet: F6 computes one."));
    ExportOptions options;
    options.scene = shown->scene;
    if (!shown->manifest.empty()) options.manifest = shown->manifest.dump();
    try {
        export_figure(shown->view, file.toStdString(), options);
        statusBar()->showMessage(tr("Wrote %1").arg(file), 5'000);
    } catch (const Error& error) {
        show_error(QString::fromUtf8(error.what()));
    }
}

void MainWindow::export_data_to(const QString& file) {
    const auto shown = exported();
    if (!shown) return show_error(tr("There are no numbers to export yet: F6 computes them."));
    Result result;
    result.analysis = shown->analysis;
    result.views = {shown->view};
    result.summary = shown->summary;
    const auto work = [this, file, result](RunProgress&) -> JobQueue::Deliver {  // on the lane: no HDF5 on this thread
        const std::filesystem::path path = file.toStdString();
        if (path.extension() == ".h5")
            write_result_h5(path, result);
        else if (path.extension() == ".json")
            write_json(path, result_to_json(result, std::size_t(-1)));
        else
            write_file(path, view_to_csv(result.views.front().view));
        return [this, file] { statusBar()->showMessage(tr("Wrote %1").arg(file), 5'000); };
    };
    workspace_.jobs().start(tr("Export %1").arg(QFileInfo(file).fileName()), work, {}, [this](const QString& error) { show_error(error); });
}

QString MainWindow::script_text() {
    const ResultView* view = shown_result();
    const std::string analysis = view ? view->analysis() : "activation-patching";
    const QString json = QString::fromStdString(to_json(workspace_.script(analysis)).dump(1));
    return QStringLiteral("cat > %2.microtome.json <<'END_OF_SESSION'\n%1\nEND_OF_SESSION\nmicrotome run %2.microtome.json --out %2\n")
        .arg(json, view ? QString::fromStdString(analysis).replace(QLatin1Char('#'), QLatin1Char('-')) : QStringLiteral("patching"));
}

void MainWindow::remember(const QString& file) {
    if (!settings_) return;
    QStringList recent = settings_->value(QStringLiteral("recent")).toStringList();
    recent.removeAll(file);
    recent.prepend(file);
    settings_->setValue(QStringLiteral("recent"), QStringList(recent.mid(0, most_recent)));
}

void MainWindow::fill_recent(QMenu* menu) {
    menu->clear();
    const QStringList recent = settings_ ? settings_->value(QStringLiteral("recent")).toStringList() : QStringList();
    for (const QString& file : recent) {
        QAction* action = menu->addAction(file, this, [this, file] { open(file); });
        action->setEnabled(!QFileInfo(file).isAbsolute() || QFileInfo::exists(file));
    }
    if (recent.isEmpty()) menu->addAction(tr("Nothing yet"))->setEnabled(false);
}

void MainWindow::ask_for_download() {
    if (!download_) {
        download_ = new DownloadDialog(workspace_.engine(), this);
        connect(download_, &DownloadDialog::downloaded, this, [this](const QString& name) {
            download_->accept();
            open(name);
        });
    }
    download_->show();
    download_->raise();
    download_->activateWindow();
    download_->name()->setFocus();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    const QString path = dropped_path(event->mimeData());
    if (path.isEmpty()) return;
    const bool folder = QFileInfo(path).isDir();
    if (!folder && !is_session(path) && !is_store(path) && !path.endsWith(QStringLiteral(".bin"))) return;
    event->acceptProposedAction();
    statusBar()->showMessage(is_session(path) ? tr("Open session %1").arg(path)
                             : is_store(path) ? tr("Look into the activations of %1").arg(path)
                                              : tr("Open model %1").arg(path));
}

void MainWindow::dropEvent(QDropEvent* event) {
    const QString path = dropped_path(event->mimeData());
    if (path.isEmpty()) return;
    event->acceptProposedAction();
    statusBar()->clearMessage();
    open(path);
}

}  // namespace microtome
