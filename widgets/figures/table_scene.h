// A table: numbers right-aligned with the same digits down a column, rules above, below the head and at the end.
#pragma once

#include "widgets/figures/frame.h"

namespace microtome {

class TableScene : public PlotScene {
  public:
    TableScene(std::shared_ptr<const Table> table, SceneOptions options);

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override;
    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override;
    const std::vector<PlacedText>& texts() const override { return texts_; }
    /// Rows that the last paint had room for; the others are counted in a last line.
    std::size_t shown_rows() const { return shown_; }

  private:
    struct Shown {
        QString head;
        QStringList cells;
        bool number = true;
    };
    std::vector<double> widths(const FigureStyle& style) const;
    double row_height(const FigureStyle& style) const;

    std::shared_ptr<const Table> table_;
    SceneOptions options_;
    std::vector<Shown> columns_;
    std::size_t shown_ = 0;
    std::vector<PlacedText> texts_;
};

}  // namespace microtome
