#include "widgets/figures/frame.h"

#include <cmath>
#include <numbers>

namespace microtome {
namespace {

QPolygonF regular(QPointF center, double radius, int corners, double turn, double inner = 1) {
    QPolygonF shape;
    int points = inner < 1 ? 2 * corners : corners;
    for (int k = 0; k < points; ++k) {
        double angle = turn + 2 * std::numbers::pi * k / points, r = inner < 1 && k % 2 ? radius * inner : radius;
        shape << center + QPointF(r * std::sin(angle), -r * std::cos(angle));
    }
    shape << shape.front();
    return shape;
}

}  // namespace

SceneFrame::SceneFrame(const SceneOptions& options, const QRectF& rect, const FigureStyle& style) {
    double margin = style.em(0.8), width = std::max(rect.width() - 2 * margin, 1.0);
    QFont title_font = style.font(1.1, true), caption_font = style.font(0.8);
    double title_line = text_height(title_font), caption_line = text_height(caption_font);
    QStringList title = wrapped(QString::fromStdString(options.title), title_font, width, 2);
    QStringList caption = wrapped(QString::fromStdString(options.caption), caption_font, width, 4);
    if (rect.height() < style.em(9)) caption.clear();
    double y = rect.top() + margin, left = rect.left() + margin;
    for (const QString& line : title) {
        place(texts, line, title_font, style.ink, {left, y, width, title_line}, Qt::AlignLeft);
        y += title_line;
    }
    double top = title.isEmpty() ? y : y + style.em(0.7);
    double foot = caption.isEmpty() ? 0 : static_cast<double>(caption.size()) * caption_line + style.em(0.6);
    around = top - rect.top() + foot + margin;
    body = QRectF(left, top, width, std::max(rect.height() - around, 0.0));
    y = body.bottom() + style.em(0.6);
    for (const QString& line : caption) {
        place(texts, line, caption_font, style.muted, {left, y, width, caption_line}, Qt::AlignLeft);
        y += caption_line;
    }
}

void begin_scene(QPainter& painter, const QRectF& rect, const FigureStyle& style) {
    painter.save();
    if (!style.transparent) painter.fillRect(rect, style.background);
    if (!style.print) painter.setClipRect(rect);
    painter.setRenderHint(QPainter::Antialiasing, true);
}

void place(std::vector<PlacedText>& texts, const QString& text, const QFont& font, const QColor& color, const QRectF& box,
           Qt::Alignment align, bool upwards) {
    QString shown = elided(text, font, (upwards ? box.height() : box.width()) + 0.01);
    if (!shown.isEmpty()) texts.push_back({shown, font, color, box, align, upwards});
}

QPainterPath marker(std::size_t i, QPointF c, double r) {
    QPainterPath path;
    switch (i % 8) {
        case 0:
            path.addEllipse(c, r, r);
            break;
        case 1:
            path.addPolygon(regular(c, 1.25 * r, 3, 0));
            break;
        case 2:
            path.addPolygon(regular(c, 1.25 * r, 4, std::numbers::pi / 4));
            break;
        case 3:
            path.addPolygon(regular(c, 1.3 * r, 4, 0));
            break;
        case 4: {
            double a = 1.2 * r, b = 0.42 * r;
            path.addPolygon(QPolygonF({c + QPointF(-b, -a), c + QPointF(b, -a), c + QPointF(b, -b), c + QPointF(a, -b), c + QPointF(a, b),
                                       c + QPointF(b, b), c + QPointF(b, a), c + QPointF(-b, a), c + QPointF(-b, b), c + QPointF(-a, b),
                                       c + QPointF(-a, -b), c + QPointF(-b, -b), c + QPointF(-b, -a)}));
            break;
        }
        case 5:
            path.addPolygon(regular(c, 1.5 * r, 5, 0, 0.45));
            break;
        case 6:
            path.addPolygon(regular(c, 1.15 * r, 5, 0));
            break;
        default:
            path.addPolygon(regular(c, 1.15 * r, 6, std::numbers::pi / 6));
            break;
    }
    return path;
}

}  // namespace microtome
