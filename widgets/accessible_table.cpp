#include "widgets/accessible_table.h"

#include <QAccessible>
#include <QAccessibleWidget>
#include <QPointer>
#include <map>

#include "widgets/table_canvas.h"

namespace microtome {
namespace {

/// One cell; owned by the accessibility cache, which the table clears.
class CellInterface final : public QAccessibleInterface, public QAccessibleTableCellInterface {
  public:
    CellInterface(TableCanvas* canvas, CellIndex cell) : canvas_(canvas), cell_(cell) {}

    bool isValid() const override { return canvas_ && cell_.row < canvas_->rows() && cell_.column < canvas_->columns(); }
    QObject* object() const override { return nullptr; }
    QAccessibleInterface* childAt(int, int) const override { return nullptr; }
    QAccessibleInterface* parent() const override { return QAccessible::queryAccessibleInterface(canvas_); }
    QAccessibleInterface* child(int) const override { return nullptr; }
    int childCount() const override { return 0; }
    int indexOfChild(const QAccessibleInterface*) const override { return -1; }
    QString text(QAccessible::Text kind) const override {
        if (!isValid()) return {};
        if (kind == QAccessible::Name || kind == QAccessible::Value) {
            const QString pins = canvas_->pin_text(cell_);
            return canvas_->cell_text(cell_) + (pins.isEmpty() ? pins : QStringLiteral(", ") + pins);
        }
        return {};
    }
    void setText(QAccessible::Text, const QString&) override {}
    QRect rect() const override {
        if (!isValid()) return {};
        const QRect local = canvas_->cell_rect(cell_).toAlignedRect();
        return local.isEmpty() ? QRect() : QRect(canvas_->mapToGlobal(local.topLeft()), local.size());
    }
    QAccessible::Role role() const override { return QAccessible::Cell; }
    QAccessible::State state() const override {
        QAccessible::State state;
        state.focusable = state.selectable = true;
        state.selected = isSelected();
        state.focused = state.selected && canvas_ && canvas_->hasFocus();
        return state;
    }
    void* interface_cast(QAccessible::InterfaceType type) override {
        return type == QAccessible::TableCellInterface ? static_cast<QAccessibleTableCellInterface*>(this) : nullptr;
    }

    int columnExtent() const override { return 1; }
    int rowExtent() const override { return 1; }
    QList<QAccessibleInterface*> columnHeaderCells() const override { return {}; }
    QList<QAccessibleInterface*> rowHeaderCells() const override { return {}; }
    int columnIndex() const override { return cell_.column; }
    int rowIndex() const override { return cell_.row; }
    bool isSelected() const override { return canvas_ && canvas_->current_cell() == cell_; }
    QAccessibleInterface* table() const override { return parent(); }

  private:
    QPointer<TableCanvas> canvas_;
    CellIndex cell_;
};

class CanvasInterface final : public QAccessibleWidget, public QAccessibleTableInterface {
  public:
    explicit CanvasInterface(TableCanvas* canvas) : QAccessibleWidget(canvas, QAccessible::Table), canvas_(canvas) {}
    ~CanvasInterface() override {
        for (const auto& [index, id] : cells_) QAccessible::deleteAccessibleInterface(id);
    }

    void* interface_cast(QAccessible::InterfaceType type) override {
        if (type == QAccessible::TableInterface) return static_cast<QAccessibleTableInterface*>(this);
        return QAccessibleWidget::interface_cast(type);
    }
    int childCount() const override { return canvas_->rows() * canvas_->columns(); }
    QAccessibleInterface* child(int index) const override {
        return index < 0 || index >= childCount() ? nullptr : cellAt(index / canvas_->columns(), index % canvas_->columns());
    }
    int indexOfChild(const QAccessibleInterface* child) const override {
        const auto* cell = dynamic_cast<const CellInterface*>(child);
        return cell ? cell->rowIndex() * canvas_->columns() + cell->columnIndex() : -1;
    }
    QAccessibleInterface* childAt(int x, int y) const override {
        const CellIndex cell = canvas_->cell_at(canvas_->mapFromGlobal(QPoint(x, y)));
        return cell.valid() ? cellAt(cell.row, cell.column) : nullptr;
    }

    QAccessibleInterface* caption() const override { return nullptr; }
    QAccessibleInterface* summary() const override { return nullptr; }
    QAccessibleInterface* cellAt(int row, int column) const override {
        if (row < 0 || column < 0 || row >= canvas_->rows() || column >= canvas_->columns()) return nullptr;
        const auto [found, fresh] = cells_.try_emplace({row, column}, 0);
        if (fresh) found->second = QAccessible::registerAccessibleInterface(new CellInterface(canvas_, {row, column}));
        return QAccessible::accessibleInterface(found->second);
    }
    QList<QAccessibleInterface*> selectedCells() const override {
        const CellIndex cell = canvas_->current_cell();
        return cell.valid() ? QList<QAccessibleInterface*>{cellAt(cell.row, cell.column)} : QList<QAccessibleInterface*>();
    }
    int selectedCellCount() const override { return canvas_->current_cell().valid() ? 1 : 0; }
    QString columnDescription(int column) const override { return canvas_->column_title(column); }
    QString rowDescription(int row) const override { return canvas_->row_title(row); }
    int columnCount() const override { return canvas_->columns(); }
    int rowCount() const override { return canvas_->rows(); }
    int selectedColumnCount() const override { return 0; }
    int selectedRowCount() const override { return 0; }
    QList<int> selectedColumns() const override { return {}; }
    QList<int> selectedRows() const override { return {}; }
    bool isColumnSelected(int) const override { return false; }
    bool isRowSelected(int) const override { return false; }
    bool selectRow(int) override { return false; }
    bool selectColumn(int) override { return false; }
    bool unselectRow(int) override { return false; }
    bool unselectColumn(int) override { return false; }
    void modelChange(QAccessibleTableModelChangeEvent*) override {}

  private:
    TableCanvas* canvas_;
    mutable std::map<std::pair<int, int>, QAccessible::Id> cells_;
};

QAccessibleInterface* make_interface(const QString&, QObject* object) {
    auto* canvas = qobject_cast<TableCanvas*>(object);
    return canvas ? new CanvasInterface(canvas) : nullptr;
}

}  // namespace

void install_accessible_tables() {
    QAccessible::installFactory(make_interface);
}

}  // namespace microtome
