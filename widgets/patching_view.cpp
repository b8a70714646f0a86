#include "widgets/patching_view.h"

#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "analyses/files/positions.h"
#include "widgets/grid_node.h"
#include "widgets/token_text.h"

namespace microtome {
namespace {

std::optional<double> summary_value(const ShownResult& shown, const char* name) {
    if (shown.record)
        for (const auto& [key, value] : shown.record->result.summary)
            if (key == name) return value;
    return {};
}

QString place_text(const NodeRef& ref, const std::vector<Token>& tokens) {
    QStringList parts;
    QString head;
    if (ref.layer >= 0) head = QStringLiteral("L%1").arg(ref.layer);
    if (ref.head >= 0) head += QStringLiteral(" H%1").arg(ref.head);
    if (!head.isEmpty()) parts << head.trimmed();
    if (!ref.site.empty()) parts << QString::fromStdString(ref.site);
    const auto position = [&](const QString& name, int at) {
        if (at < 0) return;
        QString text = QStringLiteral("%1 %2").arg(name).arg(at);
        if (at < static_cast<int>(tokens.size())) text += QLatin1Char(' ') + quoted_text(tokens[static_cast<std::size_t>(at)].text);
        parts << text;
    };
    position(QStringLiteral("pos"), ref.position);
    position(QStringLiteral("source"), ref.source);
    return parts.join(QStringLiteral(" · "));
}

}  // namespace

PatchingView::PatchingView(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    form_ = new SweepForm(workspace, this);
    panel_ = new MatrixPanel(workspace.selection(), tr("Patching map"), this);
    panel_->map()->set_describe([this](std::size_t flat) { return describe(flat); });
    provenance_ = new QLabel(this);
    provenance_->setTextFormat(Qt::PlainText);
    provenance_->setMinimumWidth(1);
    provenance_->setForegroundRole(QPalette::PlaceholderText);
    notice_ = new NoticeLabel(this);
    progress_ = new QProgressBar(this);
    progress_->setTextVisible(false);
    progress_->setFixedHeight(fontMetrics().height() / 3);
    progress_->setAccessibleName(tr("Progress of the sweep"));
    QSizePolicy kept = progress_->sizePolicy();
    kept.setRetainSizeWhenHidden(true);  // the map does not jump when a sweep starts
    progress_->setSizePolicy(kept);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(form_);
    layout->addWidget(progress_);
    layout->addWidget(notice_);
    layout->addWidget(panel_, 1);
    layout->addWidget(provenance_);
    connect(&workspace, &Workspace::patching_changed, this, &PatchingView::show_result);
    connect(&workspace, &Workspace::tokens_changed, this, &PatchingView::show_notice);
    connect(&workspace, &Workspace::model_changed, this, &PatchingView::show_notice);
    connect(&workspace.jobs(), &JobQueue::updated, this, [this] {
        const JobInfo* job = workspace_.jobs().find(workspace_.patching().job);
        progress_->setVisible(job != nullptr);
        if (!job) return;
        progress_->setRange(0, job->total > 0 ? 1000 : 0);
        if (job->total > 0) progress_->setValue(static_cast<int>(1000 * job->done / job->total));
    });
    progress_->hide();
    show_result();
}

std::string PatchingView::param(const char* name) const {
    const Json& params = workspace_.patching().request.params;
    if (params.contains(name) && params.at(name).is_string()) return params.at(name);
    const FieldEditor* editor = form_->editor(name);
    return editor && editor->info().fallback.is_string() ? editor->info().fallback.get<std::string>() : std::string();
}

QString PatchingView::metric_text() const {
    const std::string expression = param("metric_expr");
    return expression.empty() ? spaced(param("metric")) : QString::fromStdString(expression);
}

QString PatchingView::describe(std::size_t flat) const {
    const NamedView* view = shown();
    const Grid* grid = view ? std::get_if<Grid>(&view->view) : nullptr;
    if (!grid || flat >= grid->size()) return {};
    const ShownResult& result = workspace_.patching();
    const std::string direction = param("direction");
    const bool recovery = param("metric_expr").empty() && param("metric") == "logit_diff_recovery";
    const double value = grid->values[flat];
    QString text = place_text(panel_->node(flat), direction == "noise" ? result.corrupt : result.clean) + roles_text(*grid, flat) +
                   QStringLiteral(" · ");
    if (!grid->computed(flat)) return text + tr("not computed");
    text += (recovery ? tr("recovery") : metric_text()) + QLatin1Char(' ') + (std::isnan(value) ? tr("no value") : number_text(value));
    if (flat < grid->sem.size()) text += QStringLiteral(" ± ") + number_text(grid->sem[flat], 2);
    text += spread_text(spread_, flat);
    const auto clean = summary_value(result, "clean"), corrupt = summary_value(result, "corrupt");
    if (!clean || !corrupt) return text;
    QString detail =
        recovery && !std::isnan(value) ? tr("logit difference %1; ").arg(number_text(*corrupt + value * (*clean - *corrupt))) : QString();
    detail += tr("clean %1, corrupted %2").arg(number_text(*clean), number_text(*corrupt));
    return text + QStringLiteral(" (") + detail + QLatin1Char(')');
}

QString PatchingView::provenance() const {
    const ShownResult& result = workspace_.patching();
    const OpenModel* model = workspace_.model();
    if (!shown() || !model) return {};
    const ModelFacts& facts = model->facts();
    const qsizetype pairs =
        result.request.params.contains("prompts") ? static_cast<qsizetype>(result.request.params.at("prompts").size()) : 1;
    QStringList parts{QString::fromStdString(facts.name), QString::fromStdString(facts.sha256).left(8), QString::fromStdString(facts.dtype),
                      QString::fromStdString(facts.device), QString::fromStdString(facts.processing)};
    if (const auto n = result.request.interventions.size()) parts << (n == 1 ? tr("1 intervention") : tr("%1 interventions").arg(n));
    parts << spaced(param("preset")) << spaced(param("direction")) << metric_text()
          << (pairs == 1 ? tr("1 pair") : tr("%1 pairs").arg(pairs));
    if (spread_ && spread_->low) {
        const Json& params = result.request.params;
        parts << tr("95 % intervals: %1 resamples of the pairs, seed %2")
                     .arg(params.value("resamples", 1000))
                     .arg(static_cast<qlonglong>(params.value("seed", result.request.seed)));
    }
    if (result.record && !result.record->result.complete) parts << tr("stopped early");
    parts << (result.cached ? tr("exact, shown again") : tr("exact"));
    return parts.join(QStringLiteral(" · "));
}

std::vector<int> PatchingView::shown_positions(const Grid& grid) const {
    const std::string wanted = param("positions");
    const auto axis =
        std::find_if(grid.axes.begin(), grid.axes.end(), [](const Axis& a) { return a.name == "position" || a.name == "destination"; });
    if (axis == grid.axes.end()) return {};
    if (std::vector<int> roles = role_tokens(*axis); !roles.empty()) return roles;
    if (wanted.empty() || wanted == "all") return {};
    std::vector<int> found;
    try {
        std::vector<std::string> pieces;
        for (const Token& token : workspace_.patching().clean) pieces.push_back(token.text);
        found = resolve_positions(wanted, pieces, workspace_.document().pair().spans, "positions");
    } catch (const Error&) {  // the sweep itself has said so
    }
    return found.size() == axis->size() ? found : std::vector<int>(axis->size(), -1);
}

std::vector<int> PatchingView::role_tokens(const Axis& axis) const {
    const auto& spans = workspace_.document().pair().spans;
    std::vector<std::string> pieces;
    for (const Token& token : workspace_.patching().clean) pieces.push_back(token.text);
    std::vector<int> tokens;
    bool roles = false;
    for (const std::string& label : axis.labels) {
        const bool told = label.starts_with("role:") || spans.count(label) > 0;
        roles = roles || told;
        std::vector<int> found;
        try {
            if (told) found = resolve_positions(label.starts_with("role:") ? label : "role:" + label, pieces, spans, "positions");
        } catch (const Error&) {  // another pair's role
        }
        tokens.push_back(found.size() == 1 ? found[0] : -1);
    }
    const bool tokens_of_pair = axis.size() == pieces.size() && axis.labels == pieces;
    return roles && !tokens_of_pair && param("by") != "position" ? tokens : std::vector<int>();
}

QString PatchingView::roles_text(const Grid& grid, std::size_t flat) const {
    QString text;
    const std::vector<std::size_t> at = coordinates(grid, flat);
    for (std::size_t a = 0; a < at.size(); ++a) {
        const Axis& axis = grid.axes[a];
        const bool counts = axis.name == "position" || axis.name == "destination" || axis.name == "source";
        if (!counts || role_tokens(axis).empty()) continue;
        const QString label = QString::fromStdString(axis.labels[at[a]]);
        text += QStringLiteral(" · ") + (label.startsWith(QLatin1String("role:")) ? label : tr("role %1").arg(label));
    }
    return text;
}

SceneOptions PatchingView::scene_options() const {
    SceneOptions options;
    options.title = spaced("Patching_" + param("preset")).toStdString();
    return options;
}

void PatchingView::show_result() {
    const NamedView* view = shown();
    const Grid* grid = view ? std::get_if<Grid>(&view->view) : nullptr;
    const ShownResult& result = workspace_.patching();
    spread_ = result.record ? spread_of(result.record->result, "effect") : nullptr;
    NodeRef fixed;
    fixed.site = site_of_preset(param("preset"));
    panel_->map()->setAccessibleDescription(provenance());
    panel_->set_grid(grid ? std::make_shared<const Grid>(*grid) : nullptr, scene_options(), fixed,
                     grid ? shown_positions(*grid) : std::vector<int>(), spread_);
    provenance_->setText(provenance());
    provenance_->setToolTip(provenance());
    show_notice();
    if (workspace_.patching().record && workspace_.patching().record->result.complete && !panel_->map()->current_cell().valid())
        select_strongest();
}

void PatchingView::select_strongest() {
    const Grid* grid = panel_->map()->grid();
    if (!grid) return;
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < grid->size(); ++i)
        if (grid->computed(i) && !std::isnan(grid->values[i]) && (!best || std::abs(grid->values[i]) > std::abs(grid->values[*best])))
            best = i;
    if (best) workspace_.selection().select(panel_->node(*best), nullptr);
}

void PatchingView::show_notice() {
    const ShownResult& result = workspace_.patching();
    QString text;
    bool error = false;
    if (!result.error.isEmpty())
        text = result.error, error = true;
    else if (!workspace_.model_error().isEmpty())
        text = workspace_.model_error(), error = true;
    else if (shown() && !result.running() && workspace_.patching_is_stale())
        text = tr("The prompts or the parameters have changed since this map was computed: F6 runs it again.");
    else if (result.record)
        for (const std::string& warning : result.record->result.warnings)
            text += (text.isEmpty() ? QString() : QStringLiteral("\n")) + QString::fromStdString(warning);
    notice_->show_notice(text, error ? NoticeLabel::Tone::error : NoticeLabel::Tone::warning);
    notice_->setVisible(!text.isEmpty());
    const bool opening = !workspace_.model() && workspace_.model_error().isEmpty();
    panel_->map()->set_message(opening            ? tr("Opening the model…")
                               : result.running() ? tr("Running…")
                               : workspace_.prompts().can_run()
                                   ? tr("F6 patches every layer and position of the corrupted run with the clean one.")
                                   : workspace_.prompts().refusal());
}

}  // namespace microtome
