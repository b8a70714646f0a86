#include "widgets/figures/style.h"

#include <algorithm>
#include <cmath>

namespace microtome {
namespace {

const QStringList& families() {
    static const QStringList list{"DejaVu Sans", "Verdana", "Noto Sans", "Helvetica", "Arial", "sans-serif"};
    return list;
}

}  // namespace

FigureStyle FigureStyle::light(int font_px) {
    FigureStyle style;
    style.font_px = font_px;
    style.background = QColor(0xffffff);
    style.ink = QColor(0x1a1a1a);
    style.muted = QColor(0x5c5c5c);
    style.line = QColor(0x8c8c8c);
    style.accent = QColor(0x0072b2);
    return style;
}

FigureStyle FigureStyle::dark_screen(int font_px) {
    FigureStyle style;
    style.dark = true;
    style.font_px = font_px;
    style.background = QColor(0x1e1f22);
    style.ink = QColor(0xe8e8e8);
    style.muted = QColor(0xa8abb0);
    style.line = QColor(0x7d8188);
    style.accent = QColor(0x56b4e9);
    return style;
}

QFont FigureStyle::font(double size, bool bold) const {
    QFont font;
    font.setFamilies(families());
    font.setStyleHint(QFont::SansSerif);
    font.setPixelSize(std::max(6, static_cast<int>(std::lround(size * font_px))));
    font.setBold(bold);
    font.setHintingPreference(QFont::PreferNoHinting);
    return font;
}

QPen FigureStyle::pen(const QColor& color, double width) const {
    return QPen(color, em(width), Qt::SolidLine, Qt::FlatCap, Qt::MiterJoin);
}

QString figure_families() {
    return families().join(", ");
}

}  // namespace microtome
