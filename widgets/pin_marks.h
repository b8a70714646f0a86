// How pins look everywhere: eight slots, each with a colour (Okabe and Ito 2008) and a shape, so that neither is needed alone.
#pragma once

#include <QColor>
#include <QIcon>
#include <QPainter>
#include <QString>

namespace microtome {

QColor pin_color(int slot);
/// "orange circle", for screen readers and tool tips.
QString pin_name(int slot);
/// The shape, `size` high, with a rim that stands out from whatever lies beneath.
void draw_pin(QPainter& painter, QPointF center, double size, int slot);
QIcon pin_icon(int slot, int size);

}  // namespace microtome
