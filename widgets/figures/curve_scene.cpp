#include "widgets/figures/curve_scene.h"

#include <algorithm>
#include <cmath>

namespace microtome {
namespace {

QPen line_pen(std::size_t i, const FigureStyle& style) {
    QPen pen = style.pen(category_color(i, style.dark), 0.14);
    pen.setCapStyle(Qt::RoundCap);
    pen.setJoinStyle(Qt::RoundJoin);
    if (i / 8 % 3 == 1) pen.setDashPattern({4, 2.5});
    if (i / 8 % 3 == 2) pen.setDashPattern({1, 2.5});
    return pen;
}

constexpr std::size_t most_markers = 40;

}  // namespace

CurveScene::CurveScene(std::shared_ptr<const Curve> curve, SceneOptions options) : curve_(std::move(curve)), options_(std::move(options)) {
    x_range_ = y_range_ = {INFINITY, -INFINITY};
    whole_x_ = true;
    for (double x : curve_->x) {
        x_range_ = {std::min(x_range_.low, x), std::max(x_range_.high, x)};
        whole_x_ = whole_x_ && x == std::round(x);
    }
    for (std::size_t s = 0; s < curve_->series.size(); ++s)
        for (std::size_t i = 0; i < curve_->x.size(); ++i) {
            double y = value(s, i), e = error(s, i);
            if (std::isfinite(y)) y_range_ = {std::min(y_range_.low, y - e), std::max(y_range_.high, y + e)};
        }
    if (options_.norm.kind == Norm::Kind::fixed) y_range_ = {options_.norm.low, options_.norm.high};
    for (Range* range : {&x_range_, &y_range_}) {
        if (range->low > range->high) *range = {0, 1};
        double room = range->high > range->low ? 0.04 * (range->high - range->low) : std::max(std::abs(range->low) / 10, 0.5);
        *range = {range->low - room, range->high + room};
    }
}

double CurveScene::value(std::size_t series, std::size_t index) const {
    const std::vector<double>& y = curve_->series[series].y;
    return index < y.size() ? y[index] : NAN;
}

double CurveScene::error(std::size_t series, std::size_t index) const {
    const std::vector<double>& sem = curve_->series[series].sem;
    return index < sem.size() && std::isfinite(sem[index]) ? sem[index] : 0;
}

QSizeF CurveScene::preferred_size(const FigureStyle& style, double width) {
    double legend = 0;
    for (const Series& s : curve_->series) legend = std::max(legend, text_width(QString::fromStdString(s.name), style.font(0.9)));
    double across = width > 0 ? width : style.em(36) + (curve_->series.size() > 1 ? std::min(legend, style.em(20)) + style.em(4) : 0);
    SceneFrame frame(options_, QRectF(0, 0, across, 1e4), style);
    return {across, frame.around + std::min(style.em(22), std::max(style.em(14), 0.55 * across))};
}

void CurveScene::layout(const QRectF& rect, const FigureStyle& style) {
    SceneFrame frame(options_, rect, style);
    texts_ = std::move(frame.texts);
    keys_.clear();
    double legend = curve_->series.size() > 1 ? place_legend(frame.body, style) : 0;
    place_axes(frame.body.adjusted(0, 0, -legend, 0), style);
}

/// At the right, as many series as have room; returns its width.
double CurveScene::place_legend(const QRectF& body, const FigureStyle& style) {
    QFont font = style.font(0.9);
    double line = text_height(font) + style.em(0.25), sample = style.em(2.6), widest = 0;
    for (const Series& s : curve_->series) widest = std::max(widest, text_width(QString::fromStdString(s.name), font));
    double text = std::min(widest + 1, body.width() * 0.36), x = body.right() - text;
    auto room = static_cast<std::size_t>(std::max(body.height() / line, 1.0));
    std::size_t shown = curve_->series.size() <= room ? curve_->series.size() : room - 1;
    for (std::size_t i = 0; i < shown; ++i) {
        double y = body.top() + static_cast<double>(i) * line;
        keys_.push_back({i, {x - sample, y + line / 2}});
        place(texts_, QString::fromStdString(curve_->series[i].name), font, style.ink, {x, y, text, line}, Qt::AlignLeft);
    }
    if (shown < curve_->series.size())
        place(texts_, QStringLiteral("and %1 more").arg(curve_->series.size() - shown), font, style.muted,
              {x, body.top() + static_cast<double>(shown) * line, text, line}, Qt::AlignLeft);
    return text + sample + style.em(0.8);
}

void CurveScene::place_axes(const QRectF& body, const FigureStyle& style) {
    QFont font = style.font(), tick_font = style.font(0.9);
    double strip = text_height(font) + style.em(0.3), line = text_height(tick_font);
    double bottom = strip + line + style.em(0.6);
    y_ticks_ = round_ticks(y_range_.low, y_range_.high, static_cast<int>(std::clamp((body.height() - bottom) / (2.2 * line), 2.0, 9.0)));
    double widest = 0;
    for (double v : y_ticks_.values) widest = std::max(widest, text_width(y_ticks_.format(v), tick_font));
    double left = strip + widest + style.em(0.7);
    plot_ = body.adjusted(left, line / 2, -style.em(0.4), -bottom);
    if (plot_.width() < style.em(2) || plot_.height() < style.em(1)) plot_ = QRectF(body.topLeft(), QSizeF(0, 0));
    if (plot_.isEmpty()) return;

    double number = text_width(NumberFormat::for_step((x_range_.high - x_range_.low) / 5,
                                                      std::max(std::abs(x_range_.low), std::abs(x_range_.high)))(x_range_.high),
                               tick_font);
    int most = static_cast<int>(std::clamp(plot_.width() / (number + style.em(1.4)), 2.0, 12.0));
    x_ticks_ = round_ticks(x_range_.low, x_range_.high, most);
    if (whole_x_) std::erase_if(x_ticks_.values, [](double v) { return std::abs(v - std::round(v)) > 1e-9; });
    if (whole_x_ && !x_ticks_.format.scientific) x_ticks_.format.decimals = 0;
    for (double v : x_ticks_.values) {
        double x = plot_.left() + (v - x_range_.low) / (x_range_.high - x_range_.low) * plot_.width(),
               half = text_width(x_ticks_.format(v), tick_font) / 2 + 0.5;
        place(texts_, x_ticks_.format(v), tick_font, style.ink, {x - half, plot_.bottom() + style.em(0.4), 2 * half, line});
    }
    for (double v : y_ticks_.values) {
        double y = plot_.bottom() - (v - y_range_.low) / (y_range_.high - y_range_.low) * plot_.height();
        place(texts_, y_ticks_.format(v), tick_font, style.ink,
              {plot_.left() - style.em(0.4) - widest - 0.5, y - line / 2, widest + 0.5, line}, Qt::AlignRight);
    }
    place(texts_, axis_title(curve_->x_name), font, style.ink, {plot_.left(), body.bottom() - strip, plot_.width(), strip});
    place(texts_, QString::fromStdString(curve_->unit), font, style.ink, {body.left(), plot_.top(), strip, plot_.height()}, Qt::AlignCenter,
          true);
}

QPointF CurveScene::position(const Point& p) const {
    double y = value(p.series, p.index);
    return {plot_.left() + (curve_->x[p.index] - x_range_.low) / (x_range_.high - x_range_.low) * plot_.width(),
            plot_.bottom() - (y - y_range_.low) / (y_range_.high - y_range_.low) * plot_.height()};
}

std::optional<CurveScene::Point> CurveScene::point_at(QPointF where, double reach) const {
    std::optional<Point> nearest;
    for (std::size_t s = 0; s < curve_->series.size(); ++s)
        for (std::size_t i = 0; i < curve_->x.size(); ++i) {
            QPointF d = position({s, i}) - where;
            double distance = std::hypot(d.x(), d.y());
            if (distance <= reach) reach = distance, nearest = Point{s, i};
        }
    return nearest;
}

QString CurveScene::describe(const Point& p) const {
    QString text = QString::fromStdString(curve_->series[p.series].name) + QStringLiteral(", ") + QString::fromStdString(curve_->x_name) +
                   ' ' + number_text(curve_->x[p.index]) + QStringLiteral(": ") + number_text(value(p.series, p.index));
    if (error(p.series, p.index) > 0) text += QStringLiteral(" ± ") + number_text(error(p.series, p.index), 2) + QStringLiteral(" (SEM)");
    return text + ' ' + QString::fromStdString(curve_->unit);
}

void CurveScene::paint_axes(QPainter& painter, const FigureStyle& style) {
    PaintGroup group(painter, "axes");
    QColor faint = style.line;
    faint.setAlphaF(0.3f);
    for (double v : y_ticks_.values) {
        double y = plot_.bottom() - (v - y_range_.low) / (y_range_.high - y_range_.low) * plot_.height();
        painter.setPen(style.pen(v == 0 ? style.line : faint, 0.06));
        painter.drawLine(QPointF(plot_.left(), y), QPointF(plot_.right(), y));
    }
    painter.setPen(style.pen(style.line, 0.08));
    painter.drawLine(plot_.bottomLeft(), plot_.bottomRight());
    painter.drawLine(plot_.topLeft(), plot_.bottomLeft());
    for (double v : x_ticks_.values) {
        double x = plot_.left() + (v - x_range_.low) / (x_range_.high - x_range_.low) * plot_.width();
        painter.drawLine(QPointF(x, plot_.bottom()), QPointF(x, plot_.bottom() + style.em(0.25)));
    }
}

void CurveScene::paint_series(QPainter& painter, std::size_t s, const FigureStyle& style) {
    QColor band = category_color(s, style.dark);
    band.setAlphaF(0.2f);
    for (std::size_t i = 0; i < curve_->x.size();) {
        QPolygonF line, above, below;  // until the next gap
        for (; i < curve_->x.size() && std::isfinite(value(s, i)); ++i) {
            QPointF p = position({s, i}), e(0, error(s, i) / (y_range_.high - y_range_.low) * plot_.height());
            line << p, above << p - e, below.prepend(p + e);
        }
        painter.setBrush(band);
        painter.setPen(Qt::NoPen);
        if (!curve_->series[s].sem.empty() && line.size() > 1) painter.drawPolygon(above + below);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(line_pen(s, style));
        if (line.size() > 1) painter.drawPolyline(line);
        painter.setPen(Qt::NoPen);
        painter.setBrush(category_color(s, style.dark));
        if (curve_->x.size() <= most_markers || line.size() == 1)
            for (const QPointF& p : line) painter.drawPath(marker(s, p, style.em(0.24)));
        while (i < curve_->x.size() && !std::isfinite(value(s, i))) ++i;
    }
}

void CurveScene::paint(QPainter& painter, QRectF rect, const FigureStyle& style) {
    begin_scene(painter, rect, style);
    layout(rect, style);
    if (!plot_.isEmpty()) {
        paint_axes(painter, style);
        PaintGroup group(painter, "series");
        for (std::size_t s = 0; s < curve_->series.size(); ++s) paint_series(painter, s, style);
    }
    for (const Key& key : keys_) {
        painter.setPen(line_pen(key.series, style));
        painter.setBrush(Qt::NoBrush);
        painter.drawLine(key.start, key.start + QPointF(style.em(2), 0));
        painter.setPen(Qt::NoPen);
        painter.setBrush(category_color(key.series, style.dark));
        if (curve_->x.size() <= most_markers) painter.drawPath(marker(key.series, key.start + QPointF(style.em(1), 0), style.em(0.24)));
    }
    for (const PlacedText& text : texts_) draw(painter, text, style);
    painter.restore();
}

}  // namespace microtome
