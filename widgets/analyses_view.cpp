#include "widgets/analyses_view.h"

#include <QHBoxLayout>
#include <QVBoxLayout>

#include "widgets/combo_width.h"
#include "widgets/step_names.h"

namespace microtome {
namespace {

constexpr const char* own_view = "activation-patching";  // has a view of its own

}  // namespace

AnalysesView::AnalysesView(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    box_ = new QComboBox(this);
    box_->setAccessibleName(tr("Analysis"));
    // A step's long name doesn't widen the dock.
    box_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box_->setMinimumContentsLength(16);
    fill_box();
    const auto label = [this](bool dim) {
        auto* made = new QLabel(this);
        made->setTextFormat(Qt::PlainText);
        made->setWordWrap(true);
        if (dim) made->setForegroundRole(QPalette::PlaceholderText);
        return made;
    };
    summary_ = label(true), prompts_ = label(true), message_ = label(false);
    area_ = new QScrollArea(this);
    area_->setWidgetResizable(true);
    area_->setFrameShape(QFrame::NoFrame);
    area_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area_->setFocusPolicy(Qt::NoFocus);  // its fields take the focus
    area_->setMinimumHeight(fontMetrics().height() * 4);
    run_ = new QPushButton(this);
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(run_);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(box_);
    layout->addWidget(area_, 1);
    layout->addWidget(message_);
    layout->addLayout(row);
    connect(box_, &QComboBox::currentIndexChanged, this, &AnalysesView::make_form);
    connect(run_, &QPushButton::clicked, this, [this] {
        const ShownResult& shown = workspace_.result(analysis());
        shown.running() ? workspace_.jobs().cancel(shown.job) : run();
    });
    connect(&workspace.document(), &SessionDocument::loaded, this, [this] {
        fill_box();
        const QSignalBlocker quiet(box_);
        for (const std::string& step : step_names(workspace_.document().session()))
            if (choose(step)) break;
        make_form();
    });
    connect(&workspace.document(), &SessionDocument::params_changed, this, &AnalysesView::show_values);
    connect(&workspace, &Workspace::tokens_changed, this, &AnalysesView::show_state);
    connect(&workspace, &Workspace::model_changed, this, &AnalysesView::show_state);
    connect(&workspace, &Workspace::result_changed, this, &AnalysesView::show_state);
    make_form();
}

void AnalysesView::fill_box() {
    const QSignalBlocker quiet(box_);
    const std::string chosen = analysis();
    const std::vector<std::string> steps = step_names(workspace_.document().session());
    const auto add = [this](const std::string& name, const std::string& summary) {
        box_->addItem(step_title(name), QString::fromStdString(name));
        box_->setItemData(box_->count() - 1, QString::fromStdString(summary), Qt::ToolTipRole);
    };
    box_->clear();
    for (const auto& [name, summary] : workspace_.engine().analyses()) {
        if (name != own_view) add(name, summary);
        for (const std::string& step : steps)
            if (step != name && analysis_of(step) == name) add(step, summary);
    }
    if (!choose(chosen)) box_->setCurrentIndex(0);
}

std::string AnalysesView::analysis() const {
    return box_->currentData().toString().toStdString();
}

bool AnalysesView::choose(const std::string& analysis) {
    const int at = box_->findData(QString::fromStdString(analysis));
    if (at >= 0) box_->setCurrentIndex(at);
    return at >= 0;
}

FieldEditor* AnalysesView::editor(const std::string& name) const {
    for (FieldEditor* editor : editors_)
        if (editor->info().name == name) return editor;
    return nullptr;
}

void AnalysesView::make_form() {
    editors_.clear();
    takes_pairs_ = takes_prompts_ = false;
    auto* body = new QWidget(area_);
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    auto* form = new QFormLayout;
    column->addWidget(summary_);
    column->addLayout(form);
    column->addWidget(prompts_);
    column->addStretch(1);
    form->setContentsMargins(0, 0, 0, 0);
    form->setRowWrapPolicy(QFormLayout::WrapLongRows);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    for (const FieldInfo& info : workspace_.engine().params(analysis_of(analysis()))) {
        takes_pairs_ = takes_pairs_ || info.type == "pairs";
        takes_prompts_ = takes_prompts_ || info.type == "prompts";
        if (!has_editor(info)) continue;
        FieldEditor* editor = FieldEditor::make(info, body);
        editors_.push_back(editor);
        form->addRow(titled(info.name), editor);
        connect(editor, &FieldEditor::edited, this,
                [this](const std::string& name, const Json& value) { workspace_.document().edit_param_of(analysis(), name, value); });
    }
    delete area_->takeWidget();  // the labels have moved to the new one
    area_->setWidget(body);
    summary_->setText(box_->currentData(Qt::ToolTipRole).toString());
    show_values();
    show_state();
}

void AnalysesView::show_values() {
    const SessionStep step = workspace_.document().step_of(analysis());
    for (FieldEditor* editor : editors_)
        editor->show_value(step.params.contains(editor->info().name) ? step.params.at(editor->info().name) : Json());
    show_state();
}

void AnalysesView::show_state() {
    const ShownResult& shown = workspace_.result(analysis());
    const SessionStep step = workspace_.document().step_of(analysis());
    const int prompts = step.prompts.empty() ? workspace_.document().pair_count() : static_cast<int>(step.prompts.size());
    prompts_->setVisible(takes_pairs_ || takes_prompts_);
    const QString what = takes_pairs_ ? (prompts == 1 ? tr("pair") : tr("pairs")) : prompts == 1 ? tr("clean prompt") : tr("clean prompts");
    prompts_->setText(tr("On %1 %2 of the session.").arg(prompts).arg(what));
    run_->setText(shown.running() ? tr("Cancel") : tr("Run"));
    run_->setEnabled(shown.running() || workspace_.model());
    run_->setToolTip(shown.running() ? tr("Stop and keep what is finished (Esc)") : tr("Run this analysis (F8)"));
    message_->setText(shown.error);
    message_->setVisible(!shown.error.isEmpty());
}

void AnalysesView::run() {
    if (workspace_.run_analysis(analysis())) Q_EMIT started(QString::fromStdString(analysis()));
}

}  // namespace microtome
