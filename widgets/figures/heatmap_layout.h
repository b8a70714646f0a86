// Where everything of a heat map goes: panels, labels, colour bar, keys. Pure geometry; labels are thinned and elided until none is cut or
// overlaps.
#pragma once

#include <QLineF>
#include <QRectF>
#include <vector>

#include "widgets/figures/colormap.h"
#include "widgets/figures/grid_slices.h"
#include "widgets/figures/text.h"

namespace microtome {

/// The visible rows and columns; a count of 0 means all.
struct GridWindow {
    std::size_t row = 0, rows = 0, col = 0, cols = 0;
    bool operator==(const GridWindow&) const = default;
};

/// What a layout depends on besides the rectangle.
struct HeatmapContent {
    const GridSlices* slices = nullptr;
    GridWindow window;  // resolved: counts are not 0
    ColorScale scale;
    QString title, caption, unit;
    bool below = false, above = false;  // values beyond the scale's ends exist
    struct Key {
        enum class Kind { missing, nan, uncertain, negative, blank, approximate } kind;
        QString text;
    };
    std::vector<Key> keys;
};

struct HeatmapLayout {
    struct PlacedKey {
        HeatmapContent::Key::Kind kind;
        QRectF box;
    };
    double cell_w = 0, cell_h = 0;
    std::vector<QRectF> panels;
    QRectF bar, content;
    std::vector<QLineF> ticks;
    std::vector<PlacedText> texts;
    std::vector<PlacedKey> keys;
};

/// Fills `rect`, with cells of at most `largest`. `columns`: panels side by side, 0 to choose what gives the largest cells.
HeatmapLayout lay_out(const HeatmapContent& content, const QRectF& rect, const FigureStyle& style, QSizeF largest, std::size_t columns = 0);

}  // namespace microtome
