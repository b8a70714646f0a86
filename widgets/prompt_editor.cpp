#include "widgets/prompt_editor.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QScrollArea>
#include <QToolButton>


namespace microtome {

PromptEditor::PromptEditor(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    clean_ = prompt_field(PromptField::clean, tr("Clean prompt"));
    corrupt_ = prompt_field(PromptField::corrupt, tr("Corrupted prompt"));
    answer_ = token_field(PromptField::answer, tr("Answer"));
    foil_ = token_field(PromptField::foil, tr("Foil"));
    bos_ = new QLabel(this);
    message_ = new NoticeLabel(this);
    message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    pair_ = new QSpinBox(this);
    pair_->setAccessibleName(tr("Prompt pair"));
    pair_->setPrefix(tr("pair "));
    strip_ = new PairStrip(this);
    lay_out();
    link_selection();
    connect(pair_, &QSpinBox::valueChanged, this, [this](int number) { workspace_.document().choose_pair(number - 1); });
    connect(&workspace.document(), &SessionDocument::texts_changed, this, &PromptEditor::show_texts);
    connect(&workspace, &Workspace::tokens_changed, this, &PromptEditor::show_tokens);
    show_texts();
    show_tokens();
}

QPlainTextEdit* PromptEditor::prompt_field(PromptField field, const QString& name) {
    auto* edit = new QPlainTextEdit(this);
    edit->setAccessibleName(name);
    edit->setTabChangesFocus(true);
    edit->setUndoRedoEnabled(false);
    edit->setVerticalScrollBarPolicy(Qt::ScrollBarAsNeeded);
    const int lines = 2;
    edit->setFixedHeight(edit->fontMetrics().lineSpacing() * lines + edit->fontMetrics().height() / 2 + 2 * edit->frameWidth());
    edit->installEventFilter(this);
    connect(edit, &QPlainTextEdit::textChanged, this, [this, edit, field] { workspace_.document().edit_text(field, edit->toPlainText()); });
    return edit;
}

QLineEdit* PromptEditor::token_field(PromptField field, const QString& name) {
    auto* edit = new QLineEdit(this);
    edit->setAccessibleName(name);
    edit->setToolTip(tr("One token; several are separated by |. Spaces count."));
    edit->setMinimumWidth(edit->fontMetrics().averageCharWidth() * 9);
    edit->installEventFilter(this);
    connect(edit, &QLineEdit::textChanged, this, [this, field](const QString& text) { workspace_.document().edit_text(field, text); });
    return edit;
}

void PromptEditor::lay_out() {
    const auto label = [this](const QString& text, QWidget* buddy) {
        auto* made = new QLabel(text, this);
        made->setBuddy(buddy);
        return made;
    };
    auto* swap = new QToolButton(this);
    swap->setText(QStringLiteral("⇄"));
    swap->setToolTip(tr("Swap answer and foil"));
    swap->setAccessibleName(tr("Swap answer and foil"));
    connect(swap, &QToolButton::clicked, &workspace_.document(), &SessionDocument::swap_answer_and_foil);

    auto* tokens = new QGridLayout;
    tokens->addWidget(label(tr("&Answer"), answer_), 0, 0);
    tokens->addWidget(answer_, 0, 1);
    tokens->addWidget(label(tr("&Foil"), foil_), 1, 0);
    tokens->addWidget(foil_, 1, 1);
    tokens->addWidget(swap, 0, 2, 2, 1, Qt::AlignVCenter);
    tokens->addWidget(bos_, 2, 0, 1, 2);
    tokens->addWidget(pair_, 2, 1, 1, 2, Qt::AlignRight);

    auto* texts = new QGridLayout;
    texts->addWidget(label(tr("C&lean"), clean_), 0, 0);
    texts->addWidget(clean_, 0, 1);
    texts->addWidget(label(tr("Co&rrupted"), corrupt_), 1, 0);
    texts->addWidget(corrupt_, 1, 1);
    texts->setColumnStretch(1, 1);

    auto* top = new QHBoxLayout;
    top->addLayout(texts, 5);
    top->addLayout(tokens, 1);

    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setWidget(strip_);
    scroll->setMinimumHeight(strip_->minimumSizeHint().height() + 2);

    auto* all = new QVBoxLayout(this);
    all->addLayout(top);
    all->addWidget(scroll, 1);
    all->addWidget(message_);
}

void PromptEditor::link_selection() {
    SelectionModel& selection = workspace_.selection();
    const auto place = [this](int row, int column) {
        NodeRef ref;
        ref.position = strip_->position({row, column});
        if (ref.position >= 0) ref.side = row == 0 ? Side::clean : Side::corrupt;
        return ref;
    };
    connect(strip_, &PairStrip::chosen, this,
            [this, place](int row, int column) { workspace_.selection().select(place(row, column), strip_); });
    connect(strip_, &PairStrip::hovered, this,
            [this, place](int row, int column) { workspace_.selection().set_hover(place(row, column), strip_); });
    connect(strip_, &PairStrip::pin_requested, this,
            [this, place](int row, int column) { workspace_.selection().toggle_pin(place(row, column)); });
    connect(&selection, &SelectionModel::current_changed, this, [this](const NodeRef& ref, const void* origin) {
        if (origin != strip_) strip_->show_position(ref.position);
    });
    connect(&selection, &SelectionModel::pins_changed, this, &PromptEditor::show_pins);
}

/// A pin of a position marks its chip; without a side, in both rows.
void PromptEditor::show_pins() {
    std::vector<PinnedCell> cells;
    const SelectionModel::Pins& pins = workspace_.selection().pins();
    for (std::size_t slot = 0; slot < pins.size(); ++slot)
        for (int row = 0; row < strip_->rows(); ++row)
            for (int column = 0; column < strip_->columns(); ++column) {
                const Side side = row == 0 ? Side::clean : Side::corrupt;
                const bool here = pins[slot] && pins[slot]->position >= 0 && pins[slot]->position == strip_->position({row, column});
                if (here && (pins[slot]->side == Side::none || pins[slot]->side == side))
                    cells.push_back({static_cast<int>(slot), {row, column}});
            }
    strip_->set_pins(std::move(cells));
}

void PromptEditor::show_texts() {
    const SessionDocument& document = workspace_.document();
    const auto show = [&document](auto* edit, PromptField field, const QString& now) {
        const QString text = document.text(field);
        if (now == text) return;
        const QSignalBlocker quiet(edit);
        if constexpr (std::is_same_v<decltype(edit), QPlainTextEdit*>) {
            edit->setPlainText(text);
            edit->moveCursor(QTextCursor::End);
        } else {
            edit->setText(text);
        }
    };
    show(clean_, PromptField::clean, clean_->toPlainText());
    show(corrupt_, PromptField::corrupt, corrupt_->toPlainText());
    show(answer_, PromptField::answer, answer_->text());
    show(foil_, PromptField::foil, foil_->text());
    const QSignalBlocker quiet(pair_);
    pair_->setRange(1, document.pair_count());
    pair_->setSuffix(tr(" of %1").arg(document.pair_count()));
    pair_->setValue(document.pair_index() + 1);
    pair_->setVisible(document.pair_count() > 1);
}

void PromptEditor::show_tokens() {
    const PromptState& state = workspace_.prompts();
    strip_->set_state(state);
    strip_->show_position(workspace_.selection().current().position);
    show_pins();
    bos_->setText(workspace_.model() ? (state.bos_added ? tr("BOS added") : tr("no BOS")) : QString());
    bos_->setToolTip(tr("Whether the model's own rule puts a beginning-of-sequence token first"));
    QStringList lines;
    bool blocks = false;
    for (const PromptProblem& problem : state.problems) {
        lines << problem.text;
        blocks = blocks || problem.blocks;
    }
    if (lines.isEmpty() && workspace_.model())
        lines << tr("%1 tokens each, %2 substituted: ready to patch.").arg(state.clean.size()).arg(state.alignment.substituted);
    using Tone = NoticeLabel::Tone;
    message_->show_notice(lines.join(QLatin1Char('\n')), blocks ? Tone::error : state.problems.empty() ? Tone::dim : Tone::warning);
}

bool PromptEditor::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride) {
        const auto* key = static_cast<QKeyEvent*>(event);
        if (key->matches(QKeySequence::Undo) || key->matches(QKeySequence::Redo)) {
            event->ignore();
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace microtome
