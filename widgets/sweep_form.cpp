#include "widgets/sweep_form.h"

#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>

namespace microtome {
namespace {

/// Shown always, in this order; a parameter that the analysis lacks is left out.
const std::vector<std::string> first_row{"preset", "direction", "metric"};
/// Given by the prompt editors.
const std::vector<std::string> given{"clean", "corrupt", "answer", "foil", "prompts", "pairs"};

bool among(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

SweepForm::SweepForm(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    run_ = new QPushButton(this);
    more_ = new QToolButton(this);
    rest_ = new QWidget(this);
    lay_out();
    connect(&workspace.document(), &SessionDocument::params_changed, this, &SweepForm::show_values);
    connect(&workspace, &Workspace::patching_changed, this, &SweepForm::show_state);
    connect(&workspace, &Workspace::tokens_changed, this, &SweepForm::show_state);
    connect(&workspace, &Workspace::model_changed, this, &SweepForm::show_state);
    connect(run_, &QPushButton::clicked, this, [this] {
        if (workspace_.patching().running())
            workspace_.jobs().cancel(workspace_.patching().job);
        else
            workspace_.run_patching();
    });
    show_values();
    show_state();
}

FieldEditor* SweepForm::add_editor(const FieldInfo& info) {
    FieldEditor* editor = FieldEditor::make(info, this);
    connect(editor, &FieldEditor::edited, this,
            [this](const std::string& name, const Json& value) { workspace_.document().edit_param(name, value); });
    editors_.push_back(editor);
    return editor;
}

void SweepForm::lay_out() {
    const std::vector<FieldInfo> infos = workspace_.engine().params("activation-patching");
    auto* row = new QHBoxLayout;
    for (const std::string& name : first_row)
        for (const FieldInfo& info : infos)
            if (info.name == name) {
                FieldEditor* editor = add_editor(info);
                auto* label = new QLabel(titled(name), this);
                label->setBuddy(editor->control());
                row->addWidget(label);
                row->addWidget(editor);
            }
    more_->setText(tr("More"));
    more_->setCheckable(true);
    more_->setToolTip(tr("The other parameters of the sweep"));
    row->addWidget(more_);
    row->addStretch(1);
    row->addWidget(run_);

    auto* form = new QFormLayout(rest_);
    form->setContentsMargins(0, 0, 0, 0);
    for (const FieldInfo& info : infos)
        if (has_editor(info) && !among(first_row, info.name) && !among(given, info.name)) form->addRow(titled(info.name), add_editor(info));
    rest_->setVisible(false);
    connect(more_, &QToolButton::toggled, rest_, &QWidget::setVisible);
    more_->setVisible(form->rowCount() > 0);

    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->addLayout(row);
    all->addWidget(rest_);
}

FieldEditor* SweepForm::editor(const std::string& name) const {
    const auto found =
        std::find_if(editors_.begin(), editors_.end(), [&](const FieldEditor* editor) { return editor->info().name == name; });
    return found == editors_.end() ? nullptr : *found;
}

void SweepForm::show_values() {
    const Json& params = workspace_.document().step().params;
    for (FieldEditor* editor : editors_) editor->show_value(params.contains(editor->info().name) ? params.at(editor->info().name) : Json());
}

void SweepForm::show_state() {
    const bool running = workspace_.patching().running();
    run_->setText(running ? tr("Cancel") : tr("Run"));
    run_->setEnabled(running || (workspace_.model() && workspace_.prompts().can_run()));
    run_->setToolTip(running             ? tr("Stop and keep what is finished (Esc)")
                     : run_->isEnabled() ? tr("Run the sweep (F6)")
                                         : workspace_.prompts().refusal());
    run_->setAccessibleName(running ? tr("Cancel the sweep") : tr("Run the sweep"));
}

}  // namespace microtome
