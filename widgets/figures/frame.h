// What every scene but the heat map shares: a title above, a caption below, the body between them.
#pragma once

#include <QPainterPath>

#include "widgets/figures/scene.h"

namespace microtome {

class SceneFrame {
  public:
    /// Title and caption wrapped to the rectangle's width; `body` is what is left.
    SceneFrame(const SceneOptions& options, const QRectF& rect, const FigureStyle& style);

    QRectF body;
    double around = 0;  // height that is not body
    std::vector<PlacedText> texts;
};

/// Background and clip; to be followed by painter.restore().
void begin_scene(QPainter& painter, const QRectF& rect, const FigureStyle& style);

/// Adds `text` to `texts`, elided to its box.
void place(std::vector<PlacedText>& texts, const QString& text, const QFont& font, const QColor& color, const QRectF& box,
           Qt::Alignment align = Qt::AlignCenter, bool upwards = false);

/// The shape of category `i` (category_glyph's), about as large as a disc of this radius.
QPainterPath marker(std::size_t i, QPointF center, double radius);

}  // namespace microtome
