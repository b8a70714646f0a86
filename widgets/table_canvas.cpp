#include "widgets/table_canvas.h"

#include <QAccessible>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>

#include "widgets/accessible_table.h"
#include "widgets/pin_marks.h"

namespace microtome {

TableCanvas::TableCanvas(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setAttribute(Qt::WA_OpaquePaintEvent, false);
    install_accessible_tables();
}

void TableCanvas::choose(CellIndex cell) {
    if (!cell.valid() || cell.row >= rows() || cell.column >= columns() || cell == current_) return;
    show_current(cell);
    Q_EMIT chosen(cell.row, cell.column);
}

void TableCanvas::show_current(CellIndex cell) {
    if (cell == current_) return;
    current_ = cell;
    reveal(cell);
    update();
    if (!QAccessible::isActive() || !cell.valid()) return;
    QAccessibleEvent event(this, QAccessible::Focus);
    event.setChild(cell.row * columns() + cell.column);
    QAccessible::updateAccessibility(&event);
}

void TableCanvas::reset_cells() {
    current_ = {};
    hover_ = {};
    pins_.clear();
    update();
}

void TableCanvas::set_pins(std::vector<PinnedCell> pins) {
    if (pins == pins_) return;
    pins_ = std::move(pins);
    update();
}

QString TableCanvas::pin_text(CellIndex cell) const {
    QStringList names;
    for (const PinnedCell& pin : pins_)
        if (pin.cell == cell) names << pin_name(pin.slot);
    return names.isEmpty() ? QString() : tr("pinned: %1").arg(names.join(QStringLiteral(", ")));
}

void TableCanvas::paint_pins(QPainter& painter, bool frame) const {
    std::vector<CellIndex> seen;
    for (const PinnedCell& pin : pins_) {
        const QRectF box = cell_rect(pin.cell);
        if (box.isEmpty()) continue;
        const auto before = std::count(seen.begin(), seen.end(), pin.cell);  // further pins of a cell go beside the first
        seen.push_back(pin.cell);
        if (frame && before == 0) {
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(palette().color(QPalette::Base), 4));
            painter.drawRect(box);
            painter.setPen(QPen(pin_color(pin.slot), 2));
            painter.drawRect(box);
        }
        // In a map inside the corner of its cell; on a chip over the corner, where it hides no letter.
        const double size = fontMetrics().height() * (frame ? 0.55 : 0.45);
        const QPointF inset =
            frame ? QPointF(std::min(size * 0.9, box.width() / 2), std::min(size * 0.9, box.height() / 2)) : QPointF(2, 2);
        draw_pin(painter, box.topRight() + QPointF(-inset.x() - static_cast<double>(before) * size * 1.4, inset.y()), size, pin.slot);
    }
}

CellIndex TableCanvas::moved(CellIndex from, int key) const {
    if (!from.valid()) return {0, 0};
    switch (key) {
        case Qt::Key_Left:
            --from.column;
            break;
        case Qt::Key_Right:
            ++from.column;
            break;
        case Qt::Key_Up:
            --from.row;
            break;
        case Qt::Key_Down:
            ++from.row;
            break;
        case Qt::Key_Home:
            from.column = 0;
            break;
        case Qt::Key_End:
            from.column = columns() - 1;
            break;
        case Qt::Key_PageUp:
            from.row -= 8;
            break;
        case Qt::Key_PageDown:
            from.row += 8;
            break;
        default:
            return {};
    }
    return {std::clamp(from.row, 0, rows() - 1), std::clamp(from.column, 0, columns() - 1)};
}

void TableCanvas::keyPressEvent(QKeyEvent* event) {
    if (rows() > 0 && columns() > 0 && !(event->modifiers() & (Qt::ControlModifier | Qt::AltModifier))) {
        if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && current_.valid()) {
            Q_EMIT activated(current_.row, current_.column);
            return;
        }
        if (event->key() == Qt::Key_Space && current_.valid()) {
            Q_EMIT pin_requested(current_.row, current_.column);
            return;
        }
        const CellIndex next = moved(current_, event->key());
        const bool moves = next.valid() && (current_.valid() || moved({0, 0}, event->key()).valid());
        if (moves) {
            choose(next);
            return;
        }
    }
    QWidget::keyPressEvent(event);
}

void TableCanvas::mousePressEvent(QMouseEvent* event) {
    const CellIndex cell = cell_at(event->position());
    if (event->button() == Qt::LeftButton && cell.valid() && event->modifiers() & Qt::ShiftModifier)
        Q_EMIT pin_requested(cell.row, cell.column);
    else if (event->button() == Qt::LeftButton && cell.valid())
        choose(cell);
    else
        QWidget::mousePressEvent(event);
}

void TableCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
    const CellIndex cell = cell_at(event->position());
    if (event->button() == Qt::LeftButton && cell.valid()) Q_EMIT activated(cell.row, cell.column);
}

void TableCanvas::mouseMoveEvent(QMouseEvent* event) {
    set_hover(cell_at(event->position()));
}

void TableCanvas::leaveEvent(QEvent* event) {
    set_hover({});
    QWidget::leaveEvent(event);
}

void TableCanvas::set_hover(CellIndex cell) {
    if (cell == hover_) return;
    hover_ = cell;
    update();
    Q_EMIT hovered(cell.row, cell.column);
}

void TableCanvas::focusInEvent(QFocusEvent* event) {
    QWidget::focusInEvent(event);
    update();
}

void TableCanvas::focusOutEvent(QFocusEvent* event) {
    QWidget::focusOutEvent(event);
    update();
}

bool TableCanvas::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QWidget::event(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    const CellIndex cell = cell_at(help->pos());
    const QString pins = pin_text(cell);
    if (cell.valid())
        QToolTip::showText(help->globalPos(), cell_text(cell) + (pins.isEmpty() ? pins : QLatin1Char('\n') + pins), this,
                           cell_rect(cell).toAlignedRect());
    else
        QToolTip::hideText();
    return true;
}

}  // namespace microtome
