#include "widgets/pin_marks.h"

#include <QPainterPath>
#include <QPixmap>
#include <array>
#include <cmath>
#include <numbers>

namespace microtome {
namespace {

constexpr int slots = 8;

constexpr std::array<QRgb, slots> colors{0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00, 0xcc79a7, 0x999999};
constexpr std::array<const char*, slots> names{"orange circle", "sky blue triangle", "green square",    "yellow diamond",
                                               "blue cross",    "vermilion star",    "purple pentagon", "grey hexagon"};

int within(int slot) {
    return ((slot % slots) + slots) % slots;
}

/// A polygon of `corners`, the first one on top; with `inner` < 1 a star.
QPainterPath polygon(QPointF center, double radius, int corners, double inner = 1, double turned = 0) {
    QPolygonF points;
    const int n = inner < 1 ? 2 * corners : corners;
    for (int i = 0; i < n; ++i) {
        const double angle = turned + 2 * std::numbers::pi * i / n - std::numbers::pi / 2;
        const double r = inner < 1 && i % 2 ? radius * inner : radius;
        points << center + QPointF(std::cos(angle), std::sin(angle)) * r;
    }
    QPainterPath path;
    path.addPolygon(points);
    path.closeSubpath();
    return path;
}

QPainterPath cross(QPointF center, double radius) {
    QPainterPath across, down;
    const double arm = radius * 0.42;
    across.addRect(QRectF(center.x() - radius, center.y() - arm, 2 * radius, 2 * arm));
    down.addRect(QRectF(center.x() - arm, center.y() - radius, 2 * arm, 2 * radius));
    return across.united(down);
}

QPainterPath shape(int slot, QPointF center, double radius) {
    QPainterPath circle;
    switch (slot) {
        case 0:
            circle.addEllipse(center, radius * 0.9, radius * 0.9);
            return circle;
        case 1:
            return polygon(center + QPointF(0, radius * 0.15), radius * 1.1, 3);
        case 2:
            return polygon(center, radius * 1.15, 4, 1, std::numbers::pi / 4);
        case 3:
            return polygon(center, radius * 1.1, 4);
        case 4:
            return cross(center, radius * 0.95);
        case 5:
            return polygon(center, radius * 1.2, 5, 0.45);
        case 6:
            return polygon(center, radius, 5);
        default:
            return polygon(center, radius, 6);
    }
}

}  // namespace

QColor pin_color(int slot) {
    return QColor(colors[static_cast<std::size_t>(within(slot))]);
}

QString pin_name(int slot) {
    return QString::fromLatin1(names[static_cast<std::size_t>(within(slot))]);
}

void draw_pin(QPainter& painter, QPointF center, double size, int slot) {
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const QPainterPath path = shape(within(slot), center, size / 2);
    painter.strokePath(path, QPen(Qt::white, size * 0.36, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.strokePath(path, QPen(QColor(0x1b212c), size * 0.16, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.fillPath(path, pin_color(slot));
    painter.restore();
}

QIcon pin_icon(int slot, int size) {
    QIcon icon;
    for (const int scale : {1, 2, 3}) {
        QPixmap pixmap(size * scale, size * scale);
        pixmap.setDevicePixelRatio(scale);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        draw_pin(painter, {size / 2.0, size / 2.0}, size * 0.68, slot);
        painter.end();
        icon.addPixmap(pixmap);
    }
    return icon;
}

}  // namespace microtome
