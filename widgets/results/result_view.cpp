#include "widgets/results/result_view.h"

#include <QVBoxLayout>

#include "analyses/views/companions.h"
#include "widgets/field_form.h"
#include "widgets/figures/text.h"
#include "widgets/results/compare_widget.h"
#include "widgets/theme.h"

namespace microtome {
namespace {

QLabel* text_label(QWidget* parent, bool dim) {
    auto* label = new QLabel(parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    if (dim) label->setForegroundRole(QPalette::PlaceholderText);
    return label;
}

}  // namespace

ResultView::ResultView(Workspace& workspace, std::string analysis, QWidget* parent)
    : QWidget(parent), workspace_(workspace), analysis_(std::move(analysis)) {
    tabs_ = new QTabWidget(this);
    tabs_->setDocumentMode(true);
    tabs_->setTabBarAutoHide(true);
    notice_ = text_label(this, false);
    summary_ = text_label(this, false);
    provenance_ = text_label(this, true);
    provenance_->setMinimumWidth(1);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(notice_);
    layout->addWidget(summary_);
    layout->addWidget(tabs_, 1);
    layout->addWidget(provenance_);
    connect(&workspace, &Workspace::result_changed, this, [this](const QString& name) {
        if (name.toStdString() == analysis_) show_result();
    });
    connect(&workspace, &Workspace::tokens_changed, this, &ResultView::show_text);
    connect(&workspace.document(), &SessionDocument::params_changed, this, &ResultView::show_text);
    connect(&workspace.document(), &SessionDocument::interventions_changed, this, &ResultView::show_text);
    show_result();
}

ViewWidget* ResultView::current() const {
    return static_cast<ViewWidget*>(tabs_->currentWidget());
}

ViewWidget* ResultView::widget(const std::string& view) const {
    for (const Page& page : pages_)
        if (page.name == view) return page.widget;
    return nullptr;
}

SceneOptions ResultView::scene_options() const {
    SceneOptions scene;
    scene.caption = provenance_->text().toStdString();
    if (current()) current()->adapt(scene);
    return scene;
}

/// Which tokens a position axis names: those of the prompt, in its order, unless only some positions were asked for.
ViewPlace ResultView::place_of(const NamedView& view) const {
    ViewPlace place{workspace_.selection()};
    const auto* grid = std::get_if<Grid>(&view.view);
    if (!grid) return place;
    for (const Axis& axis : grid->axes)
        if ((axis.name == "position" || axis.name == "destination") && axis.size() != result().clean.size())
            place.positions.assign(axis.size(), -1);
    if (result().record) place.spread = spread_of(result().record->result, view.name);
    return place;
}

void ResultView::show_page(std::size_t index, const NamedView& view, const NamedView* difference) {
    const auto* grid = std::get_if<Grid>(&view.view);
    const QString title = titled(view.name) + (grid && !grid->approximate.empty() ? QStringLiteral(" ≈") : QString());
    const std::size_t kind = difference ? compared : view.view.index();
    const bool same = index < pages_.size() && pages_[index].name == view.name && pages_[index].kind == kind;
    if (!same) {
        while (pages_.size() > index) {  // from here on the views are others
            tabs_->removeTab(tabs_->count() - 1);
            pages_.back().widget->deleteLater();
            pages_.pop_back();
        }
        ViewWidget* made =
            difference ? new CompareWidget(workspace_.selection(), this) : ViewWidget::make(view.view, workspace_.selection(), this);
        pages_.push_back({view.name, kind, made});
        tabs_->addTab(made, title);
        tabs_->setTabToolTip(tabs_->count() - 1, QString::fromStdString(view.help));
    }
    if (difference) static_cast<CompareWidget*>(pages_[index].widget)->set_difference(std::make_shared<const NamedView>(*difference));
    pages_[index].widget->show_view(std::make_shared<const NamedView>(view), place_of(view));
}

void ResultView::show_result() {
    const ShownResult& shown = result();
    if (shown.record) {
        const std::vector<NamedView>& views = shown.record->result.views;
        std::vector<const NamedView*> shown_views;  // companions are told beside the cells of their map
        for (const NamedView& view : views)
            if (!is_companion(views, view)) shown_views.push_back(&view);
        for (std::size_t i = 0, page = 0; i < shown_views.size(); ++i, ++page) {
            const bool pair = i + 1 < shown_views.size() && CompareWidget::belong_together(*shown_views[i], *shown_views[i + 1]);
            show_page(page, *shown_views[i], pair ? shown_views[i + 1] : nullptr);
            i += pair;
        }
    } else if (shown.growing) {
        show_page(0, *shown.growing, nullptr);
    }
    if (hasFocus() && current()) current()->focus_part()->setFocus();  // the keyboard came before the result
    show_text();
}

void ResultView::show_text() {
    const ShownResult& shown = result();
    QStringList notes, numbers;
    if (!shown.error.isEmpty()) notes << shown.error;
    if (shown.running()) notes << tr("Running…");
    if (!shown.running() && shown.error.isEmpty() && !shown.record) notes << tr("Not run yet.");
    if (shown.record) {
        const Result& found = shown.record->result;
        if (!found.complete) notes << tr("Stopped before the end: hatched cells were not computed.");
        for (const std::string& warning : found.warnings) notes << QString::fromStdString(warning);
        for (const auto& [name, value] : found.summary) numbers << titled(name) + QLatin1Char(' ') + number_text(value);
    }
    if (workspace_.is_stale(analysis_)) notes << tr("Prompts or parameters have changed since: run it again.");
    notice_->setText(notes.join(QLatin1Char('\n')));
    notice_->setVisible(!notes.isEmpty());
    summary_->setText(numbers.join(QStringLiteral("   ·   ")));
    summary_->setVisible(!numbers.isEmpty());
    const OpenModel* model = workspace_.model();
    QStringList from;
    if (model && !shown.key.empty()) {
        const ModelFacts& facts = model->facts();
        from << QString::fromStdString(facts.name + " " + facts.sha256.substr(0, 8) + " · " + facts.dtype + " · " + facts.processing)
             << QString::fromStdString(analysis_);
        if (shown.record && shown.record->manifest.contains("lens"))
            from << QString::fromStdString(shown.record->manifest["lens"].get<std::string>());
        for (const auto& [name, value] : shown.request.params.items())
            if (!value.is_array() && !value.is_object())
                from << QString::fromStdString(name).replace(QLatin1Char('_'), QLatin1Char(' ')) + QLatin1Char(' ') +
                            QString::fromStdString(value.is_string() ? value.get<std::string>() : value.dump());
        if (shown.cached) from << tr("shown again, not run again");
    }
    provenance_->setText(from.join(QStringLiteral(" · ")));
}

std::optional<NamedView> ResultView::shown() const {
    if (!current()) return {};
    return current()->shown();
}

}  // namespace microtome
