#include "widgets/interventions_view.h"

#include <QComboBox>
#include <QGridLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QStyledItemDelegate>
#include <QVBoxLayout>


namespace microtome {
namespace {

/// The types as a box.
class TypeDelegate final : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem&, const QModelIndex&) const override {
        auto* box = new QComboBox(parent);
        for (const std::string& type : intervention_types()) box->addItem(QString::fromStdString(type));
        connect(box, &QComboBox::activated, box, [this, box] {
            auto* self = const_cast<TypeDelegate*>(this);
            Q_EMIT self->commitData(box);
            Q_EMIT self->closeEditor(box);
        });
        return box;
    }
    void setEditorData(QWidget* editor, const QModelIndex& index) const override {
        static_cast<QComboBox*>(editor)->setCurrentText(index.data(Qt::EditRole).toString());
    }
    void setModelData(QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const override {
        model->setData(index, static_cast<QComboBox*>(editor)->currentText(), Qt::EditRole);
    }
};

}  // namespace

InterventionsView::InterventionsView(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    model_ = new InterventionsModel(workspace.document(), this);
    make_table();
    message_ = new NoticeLabel(this);
    auto* buttons = new QGridLayout;
    buttons->addWidget(button(tr("Add"), tr("A new intervention at the selected place"), &InterventionsView::add_here), 0, 0);
    of_row_ = {button(tr("Duplicate"), tr("A copy of the chosen intervention"), &InterventionsView::duplicate),
               button(tr("Delete"), tr("Take the chosen intervention away (Delete)"), &InterventionsView::remove),
               button(tr("Up"), tr("Apply the chosen intervention earlier (Alt+Up)"), &InterventionsView::up),
               button(tr("Down"), tr("Apply the chosen intervention later (Alt+Down)"), &InterventionsView::down)};
    for (int i = 0; i < static_cast<int>(of_row_.size()); ++i)
        buttons->addWidget(of_row_[static_cast<std::size_t>(i)], (i + 1) / 3, (i + 1) % 3);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(table_, 1);
    layout->addWidget(message_);
    layout->addLayout(buttons);
    connect(model_, &InterventionsModel::refused, this,
            [this](const QString& text) { message_->show_notice(text, NoticeLabel::Tone::error); });
    connect(model_, &InterventionsModel::moved_to, this, [this](int to) {
        if (to >= 0) table_->setCurrentIndex(model_->index(to, InterventionsModel::target));
    });
    connect(&workspace.document(), &SessionDocument::interventions_changed, this, &InterventionsView::show_state);
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this] {
        for (QPushButton* of : of_row_) of->setEnabled(row() >= 0);
    });
    show_state();
}

void InterventionsView::make_table() {
    table_ = new QTableView(this);
    table_->setAccessibleName(tr("Interventions"));
    table_->setModel(model_);
    table_->setItemDelegateForColumn(InterventionsModel::type, new TypeDelegate(table_));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setFrameShape(QFrame::NoFrame);
    table_->setShowGrid(false);
    table_->setWordWrap(false);
    table_->setTabKeyNavigation(false);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 7 / 4);
    table_->horizontalHeader()->setHighlightSections(false);
    table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    const int ch = fontMetrics().averageCharWidth();
    const std::pair<InterventionsModel::Column, int> widths[] = {{InterventionsModel::type, 13},      {InterventionsModel::target, 11},
                                                                 {InterventionsModel::positions, 11}, {InterventionsModel::strength, 10},
                                                                 {InterventionsModel::source, 9},     {InterventionsModel::seed, 6}};
    for (const auto& [column, characters] : widths) table_->setColumnWidth(column, ch * characters);
    table_->installEventFilter(this);
}

QPushButton* InterventionsView::button(const QString& text, const QString& tip, void (InterventionsView::*pressed)()) {
    auto* made = new QPushButton(text, this);
    made->setToolTip(tip);
    connect(made, &QPushButton::clicked, this, pressed);
    return made;
}

void InterventionsView::add_here() {
    NodeRef at = workspace_.selection().current();
    NodeRef target;
    target.layer = std::max(at.layer, 0);
    target.head = at.head;
    target.site = at.head >= 0 ? "z" : "resid_pre";
    add_at(QString::fromStdString(to_string(target)));
}

void InterventionsView::add_at(const QString& target) {
    model_->add(target.toStdString());
}

void InterventionsView::show_state() {
    message_->show_notice(model_->list().empty()
                              ? tr("Interventions hold in every run: the map, attention and head scores. Add one at the selected place.")
                              : QString(),
                          NoticeLabel::Tone::dim);
    message_->setVisible(true);
    for (QPushButton* of : of_row_) of->setEnabled(row() >= 0);
}

bool InterventionsView::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_ && event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool alt = key->modifiers() & Qt::AltModifier;
        if (key->key() == Qt::Key_Delete) return remove(), true;
        if (alt && key->key() == Qt::Key_Up) return up(), true;
        if (alt && key->key() == Qt::Key_Down) return down(), true;
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace microtome
