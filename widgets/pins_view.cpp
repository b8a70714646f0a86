#include "widgets/pins_view.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QVBoxLayout>

#include "widgets/pin_marks.h"

namespace microtome {

PinsView::PinsView(SelectionModel& selection, QWidget* parent) : QWidget(parent), selection_(selection) {
    list_ = new QListWidget(this);
    list_->setAccessibleName(tr("Pinned places"));
    list_->setFrameShape(QFrame::NoFrame);
    list_->installEventFilter(this);
    remove_ = new QPushButton(tr("Unpin"), this);
    remove_->setToolTip(tr("Take the chosen pin away (Delete)"));
    clear_ = new QPushButton(tr("Clear"), this);
    clear_->setToolTip(tr("Take all pins away (Esc)"));
    auto* hint = new QLabel(tr("Space pins the current cell of a map, Shift+click the one under the pointer."), this);
    hint->setWordWrap(true);
    hint->setForegroundRole(QPalette::PlaceholderText);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(remove_);
    buttons->addWidget(clear_);
    buttons->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(list_, 1);
    layout->addWidget(hint);
    layout->addLayout(buttons);
    connect(&selection, &SelectionModel::pins_changed, this, &PinsView::show_pins);
    connect(remove_, &QPushButton::clicked, this, &PinsView::remove_chosen);
    connect(clear_, &QPushButton::clicked, &selection, &SelectionModel::clear_pins);
    const auto go = [this](const QListWidgetItem* item) {
        const auto& pin = selection_.pins()[item->data(Qt::UserRole).toUInt()];
        if (pin) selection_.select(*pin, nullptr);
    };
    connect(list_, &QListWidget::itemClicked, this, go);
    connect(list_, &QListWidget::itemActivated, this, go);
    show_pins();
}

void PinsView::show_pins() {
    const int row = list_->currentRow();
    list_->clear();
    const SelectionModel::Pins& pins = selection_.pins();
    for (std::size_t slot = 0; slot < pins.size(); ++slot) {
        if (!pins[slot]) continue;
        const QString place = QString::fromStdString(to_string(*pins[slot]));
        auto* item = new QListWidgetItem(pin_icon(static_cast<int>(slot), fontMetrics().height()), place, list_);
        item->setData(Qt::UserRole, static_cast<uint>(slot));
        item->setData(Qt::AccessibleTextRole, tr("%1, %2").arg(place, pin_name(static_cast<int>(slot))));
        item->setToolTip(tr("Go to %1").arg(place));
    }
    if (list_->count() > 0) list_->setCurrentRow(std::clamp(row, 0, list_->count() - 1));
    remove_->setEnabled(list_->count() > 0);
    clear_->setEnabled(list_->count() > 0);
}

void PinsView::remove_chosen() {
    if (const QListWidgetItem* item = list_->currentItem()) selection_.unpin(item->data(Qt::UserRole).toInt());
}

bool PinsView::eventFilter(QObject* watched, QEvent* event) {
    if (watched == list_ && event->type() == QEvent::KeyPress && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Delete) {
        remove_chosen();
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace microtome
