// A painted table: what every matrix-like canvas shares. Keys move the current cell, and a screen reader sees an ordinary table.
#pragma once

#include <QWidget>
#include <vector>

namespace microtome {

struct CellIndex {
    int row = -1, column = -1;
    bool valid() const { return row >= 0 && column >= 0; }
    bool operator==(const CellIndex&) const = default;
};

/// A cell that carries the mark of a pin.
struct PinnedCell {
    int slot = 0;
    CellIndex cell;
    bool operator==(const PinnedCell&) const = default;
};

class TableCanvas : public QWidget {
    Q_OBJECT
  public:
    explicit TableCanvas(QWidget* parent = nullptr);

    virtual int rows() const = 0;
    virtual int columns() const = 0;
    /// Value with its unit, as a screen reader says it.
    virtual QString cell_text(CellIndex cell) const = 0;
    virtual QString row_title(int row) const = 0;
    virtual QString column_title(int column) const = 0;
    /// In widget coordinates; empty if the cell is not on screen.
    virtual QRectF cell_rect(CellIndex cell) const = 0;
    virtual CellIndex cell_at(QPointF point) const = 0;

    CellIndex current_cell() const { return current_; }
    bool hovering() const { return hover_.valid(); }
    CellIndex hover_cell() const { return hover_; }
    /// Moves the current cell and tells (`chosen`) if it changed.
    void choose(CellIndex cell);
    /// Moves it without telling: for changes that come from elsewhere.
    void show_current(CellIndex cell);
    void set_pins(std::vector<PinnedCell> pins);
    const std::vector<PinnedCell>& pins() const { return pins_; }
    /// The names of the pins in a cell, or an empty text.
    QString pin_text(CellIndex cell) const;

  Q_SIGNALS:
    void chosen(int row, int column);
    /// Enter, or a double click.
    void activated(int row, int column);
    /// Space, or a click with Shift.
    void pin_requested(int row, int column);
    void hovered(int row, int column);  // -1, -1: the pointer left

  protected:
    /// A cell's text is its tool tip.
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

    /// Where a key leads from the current cell; overridden where cells wrap onto several lines.
    virtual CellIndex moved(CellIndex from, int key) const;
    void reset_cells();
    /// Brings a cell on screen that became the current one.
    virtual void reveal(CellIndex) {}
    void set_hover(CellIndex cell);
    /// The marks of the pins, over the cells; `frame`: with a frame around the cell.
    void paint_pins(QPainter& painter, bool frame) const;

  private:
    CellIndex current_, hover_;
    std::vector<PinnedCell> pins_;
};

}  // namespace microtome
