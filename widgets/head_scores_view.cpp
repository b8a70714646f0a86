#include "widgets/head_scores_view.h"

#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QSortFilterProxyModel>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/combo_width.h"
#include "widgets/pin_marks.h"
#include "widgets/row_table.h"

namespace microtome {
namespace {

constexpr const char* analysis = "head-scores";
/// What the form offers; the others keep their defaults.
const std::vector<std::pair<std::string, QString>> offered{{"n_sequences", QObject::tr("Sequences")},
                                                           {"exclude_first", QObject::tr("Without BOS")}};

std::vector<TableModel::Head> heads() {
    return {
        {"induction", QObject::tr("Induction"),
         QObject::tr("Attention to the token that followed the last occurrence of the current one, a row's mean")},
        {"previous_token", QObject::tr("Previous"), QObject::tr("Attention to the token just before, a row's mean")},
        {"duplicate_token", QObject::tr("Duplicate"), QObject::tr("Attention to earlier occurrences of the current token, a row's mean")}};
}

}  // namespace

/// Sorts numbers as numbers, and marks the rows of pinned heads.
class HeadScoresView::Sorted final : public QSortFilterProxyModel {
  public:
    Sorted(HeadScoresView& view, const SelectionModel& selection) : QSortFilterProxyModel(&view), view_(view), selection_(selection) {
        setSortRole(TableModel::sort_role);
    }
    QVariant data(const QModelIndex& index, int role) const override {
        if (role != Qt::DecorationRole || index.column() != 0) return QSortFilterProxyModel::data(index, role);
        const NodeRef head = view_.head_of(index);
        const SelectionModel::Pins& pins = selection_.pins();
        for (std::size_t slot = 0; slot < pins.size(); ++slot)
            if (pins[slot] && pins[slot]->layer == head.layer && pins[slot]->head == head.head)
                return pin_icon(static_cast<int>(slot), view_.fontMetrics().height());
        return {};
    }

  private:
    HeadScoresView& view_;
    const SelectionModel& selection_;
};

HeadScoresView::HeadScoresView(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    model_ = new TableModel(this);
    model_->set_heads(heads());
    sorted_ = new Sorted(*this, workspace.selection());
    sorted_->setSourceModel(model_);
    make_table();
    text_ = new QComboBox(this);
    text_->addItems({tr("repeated random tokens"), tr("the session's clean prompts")});
    keep_choice_fitted(text_);
    text_->setAccessibleName(tr("Text to score on"));
    text_->setToolTip(tr("Random tokens twice over show what a head does whatever the text says; the prompts show what it does here"));
    for (const auto& [name, label] : offered)
        for (const FieldInfo& info : workspace.engine().params(analysis))
            if (info.name == name) editors_.push_back(FieldEditor::make(info, this));
    run_ = new QPushButton(this);
    progress_ = new QProgressBar(this);
    progress_->setTextVisible(false);
    progress_->setFixedHeight(fontMetrics().height() / 3);
    progress_->setAccessibleName(tr("Progress of the head scores"));
    QSizePolicy kept = progress_->sizePolicy();
    kept.setRetainSizeWhenHidden(true);
    progress_->setSizePolicy(kept);
    progress_->hide();
    message_ = new QLabel(this);
    message_->setTextFormat(Qt::PlainText);
    message_->setWordWrap(true);
    message_->setForegroundRole(QPalette::PlaceholderText);
    lay_out();
    link();
    show_result();
}

void HeadScoresView::make_table() {
    table_ = new QTableView(this);
    table_->setAccessibleName(tr("Head scores"));
    table_->setModel(sorted_);
    table_->setSortingEnabled(true);
    style_rows(table_);
    table_->horizontalHeader()->setSortIndicator(2, Qt::DescendingOrder);
    table_->installEventFilter(this);
}

void HeadScoresView::lay_out() {
    auto* form = new QFormLayout;
    form->addRow(tr("Text"), text_);
    for (FieldEditor* editor : editors_)
        for (const auto& [name, label] : offered)
            if (editor->info().name == name) form->addRow(label, editor);
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(run_);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(form);
    layout->addLayout(row);
    layout->addWidget(progress_);
    layout->addWidget(table_, 1);
    layout->addWidget(message_);
}

void HeadScoresView::link() {
    for (FieldEditor* editor : editors_)
        connect(editor, &FieldEditor::edited, this, [this](const std::string& name, const Json& value) {
            if (value.is_null())
                params_.erase(name);
            else
                params_[name] = value;
        });
    connect(run_, &QPushButton::clicked, this, [this] {
        if (workspace_.head_scores().running())
            workspace_.jobs().cancel(workspace_.head_scores().job);
        else
            run();
    });
    connect(&workspace_, &Workspace::head_scores_changed, this, &HeadScoresView::show_result);
    connect(&workspace_, &Workspace::model_changed, this, &HeadScoresView::show_state);
    connect(&workspace_, &Workspace::tokens_changed, this, &HeadScoresView::show_state);
    connect(text_, &QComboBox::currentIndexChanged, this, &HeadScoresView::show_state);
    connect(&workspace_.jobs(), &JobQueue::updated, this, [this] {
        const JobInfo* job = workspace_.jobs().find(workspace_.head_scores().job);
        progress_->setVisible(job != nullptr);
        if (!job) return;
        progress_->setRange(0, job->total > 0 ? 1000 : 0);
        if (job->total > 0) progress_->setValue(static_cast<int>(1000 * job->done / job->total));
    });
    connect(&workspace_.selection(), &SelectionModel::current_changed, this, &HeadScoresView::follow);
    connect(&workspace_.selection(), &SelectionModel::pins_changed, table_->viewport(), qOverload<>(&QWidget::update));
    connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& index) {
        if (index.isValid()) workspace_.selection().select(head_of(index), table_);
    });
}

void HeadScoresView::run() {
    workspace_.run_head_scores(params_, text_->currentIndex() == 1);
}

NodeRef HeadScoresView::head_of(const QModelIndex& index) const {
    const QModelIndex source = sorted_->mapToSource(index);
    NodeRef ref;
    if (!source.isValid() || model_->columnCount() < 2) return ref;
    ref.layer = model_->index(source.row(), 0).data(TableModel::sort_role).toInt();
    ref.head = model_->index(source.row(), 1).data(TableModel::sort_role).toInt();
    return ref;
}

void HeadScoresView::follow() {
    const NodeRef& at = workspace_.selection().current();
    for (int row = 0; row < sorted_->rowCount(); ++row) {
        const NodeRef head = head_of(sorted_->index(row, 0));
        if (head.layer != at.layer || head.head != at.head) continue;
        if (table_->currentIndex().row() != row) table_->setCurrentIndex(sorted_->index(row, 0));
        return;
    }
    table_->clearSelection();
}

void HeadScoresView::show_result() {
    const NamedView* view = workspace_.head_scores().view("scores");
    const Table* table = view ? std::get_if<Table>(&view->view) : nullptr;
    {
        const QSignalBlocker quiet(table_->selectionModel());  // a new table selects nothing of its own accord
        model_->set_table(table ? *table : Table());
    }
    for (int column = 0; column < model_->columnCount(); ++column) table_->resizeColumnToContents(column);
    table_->horizontalHeader()->setStretchLastSection(true);
    follow();
    show_state();
}

void HeadScoresView::show_state() {
    const ShownResult& result = workspace_.head_scores();
    const bool running = result.running(), prompts = text_->currentIndex() == 1;
    run_->setText(running ? tr("Cancel") : tr("Score Heads"));
    run_->setEnabled(running || (workspace_.model() && (!prompts || !workspace_.prompts().clean.empty())));
    run_->setToolTip(running ? tr("Stop (Esc)") : tr("Score every head of the model (F7)"));
    for (FieldEditor* editor : editors_) editor->setEnabled(editor->info().name != "n_sequences" || !prompts);
    message_->setText(!result.error.isEmpty() ? result.error
                      : running               ? tr("Running…")
                      : result.record         ? provenance()
                                              : tr("F7 scores every head. A row selects its head in all views."));
}

QString HeadScoresView::provenance() const {
    const ShownResult& result = workspace_.head_scores();
    const OpenModel* model = workspace_.model();
    if (!result.record || !model) return {};
    QStringList parts{QString::fromStdString(model->facts().name), QString::fromStdString(model->facts().sha256).left(8)};
    double prompts = 0, tokens = 0;
    for (const auto& [name, value] : result.record->result.summary) {
        if (name == "prompts") prompts = value;
        if (name == "tokens_each") tokens = value;
    }
    const bool random = !result.request.params.contains("prompts");
    parts << (random ? tr("%1 sequences of %2 random tokens, seed %3").arg(prompts).arg(tokens).arg(result.request.seed)
                     : tr("%1 of the session's prompts").arg(prompts));
    return parts.join(QStringLiteral(" · "));
}

std::optional<NamedView> HeadScoresView::shown() const {
    if (model_->rowCount() == 0) return {};
    Table table;
    table.columns = model_->table().columns;
    for (int row = 0; row < sorted_->rowCount(); ++row)
        table.rows.push_back(model_->table().rows[static_cast<std::size_t>(sorted_->mapToSource(sorted_->index(row, 0)).row())]);
    return NamedView{"scores", "How much each head is an induction, previous-token or duplicate-token head", table};
}

bool HeadScoresView::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_ && event->type() == QEvent::KeyPress && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Space) {
        if (table_->currentIndex().isValid()) workspace_.selection().toggle_pin(head_of(table_->currentIndex()));
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace microtome
