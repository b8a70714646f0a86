// Running text whose tokens are coloured by a value: black or white letters, whichever reads better; negative values are also underlined.
#pragma once

#include "widgets/figures/frame.h"

namespace microtome {

class TokenTextScene : public PlotScene {
  public:
    TokenTextScene(std::shared_ptr<const TokenText> text, SceneOptions options);

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override;
    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override;
    const std::vector<PlacedText>& texts() const override { return texts_; }

    const ColorScale& scale() const { return scale_; }
    std::optional<std::size_t> token_at(QPointF point) const;
    /// Empty if the token had no room.
    QRectF token_rect(std::size_t i) const { return i < boxes_.size() ? boxes_[i] : QRectF(); }
    QString describe(std::size_t i) const;

  private:
    /// Boxes of all tokens in lines of this width, from (0, 0); returns the height.
    double flow(double width, const FigureStyle& style);
    double bar_height(const FigureStyle& style) const;
    void paint_bar(QPainter& painter, const QRectF& rect, const FigureStyle& style);

    std::shared_ptr<const TokenText> text_;
    SceneOptions options_;
    ColorScale scale_;
    bool negative_ = false;
    std::vector<QRectF> boxes_;
    std::vector<PlacedText> texts_;
};

}  // namespace microtome
