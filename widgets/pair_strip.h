// Two prompts as chips, position under position: the clean row, the alignment strip, the corrupted row. Long prompts wrap.
#pragma once

#include "widgets/prompt_state.h"
#include "widgets/table_canvas.h"
#include "widgets/theme.h"

namespace microtome {

class PairStrip : public TableCanvas {
    Q_OBJECT
  public:
    explicit PairStrip(QWidget* parent = nullptr);

    void set_state(const PromptState& state);
    const Alignment& alignment() const { return state_.alignment; }
    /// The position of a cell in its own prompt; -1 in a gap.
    int position(CellIndex cell) const;
    /// Marks the chips of a position, in both rows, as current.
    void show_position(int position);

    int rows() const override { return state_.alignment.columns.empty() ? 0 : 2; }
    int columns() const override { return static_cast<int>(state_.alignment.columns.size()); }
    QString cell_text(CellIndex cell) const override;
    QString row_title(int row) const override;
    QString column_title(int column) const override;
    QRectF cell_rect(CellIndex cell) const override;
    CellIndex cell_at(QPointF point) const override;

    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    struct Placed {
        double x = 0, y = 0, width = 0;
    };
    struct Sizes {
        double text = 0, id = 0, chip = 0, strip = 0, gap = 0, pad = 0, head = 0, line = 0, label = 0;
    };

    Sizes sizes() const;
    std::vector<Placed> placed(int width) const;
    const Token* token(CellIndex cell) const;
    void place();
    void paint_column(QPainter& painter, int column, const Theme& theme, const Sizes& sizes) const;
    void paint_chip(QPainter& painter, CellIndex cell, const Theme& theme, const Sizes& sizes) const;
    QFont id_font() const;

    PromptState state_;
    std::vector<Placed> placed_;
};

}  // namespace microtome
