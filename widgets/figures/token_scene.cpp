#include "widgets/figures/token_scene.h"

#include <algorithm>
#include <cmath>

namespace microtome {

TokenTextScene::TokenTextScene(std::shared_ptr<const TokenText> text, SceneOptions options)
    : text_(std::move(text)), options_(std::move(options)) {
    Colormap map = options_.colormap.value_or(text_->diverging ? Colormap::rd_bu_r : Colormap::viridis);
    scale_ = ColorScale(map, range_of(text_->values, {}, options_.norm, text_->diverging));
    negative_ = std::any_of(text_->values.begin(), text_->values.end(), [](double v) { return v < 0; });
}

double TokenTextScene::flow(double width, const FigureStyle& style) {
    QFont font = style.font(1.05);
    QFontMetricsF metrics(font);
    double line = text_height(font) + style.em(0.3), pitch = line + style.em(0.35), x = 0, y = 0, pad = style.em(0.12);
    boxes_.clear();
    for (const std::string& token : text_->tokens) {
        double w = std::min(metrics.horizontalAdvance(visible_token(token)) + 2 * pad, width);
        if (x > 0 && x + w > width + 0.01) x = 0, y += pitch;
        boxes_.emplace_back(x, y, w, line);
        x += w + style.em(0.06);
        if (token.ends_with('\n')) x = 0, y += pitch;
    }
    return x > 0 ? y + line : std::max(y - style.em(0.35), line);
}

double TokenTextScene::bar_height(const FigureStyle& style) const {
    return style.em(1 + 0.9 + 0.4) + 2 * text_height(style.font(0.9)) + style.em(0.3);
}

QSizeF TokenTextScene::preferred_size(const FigureStyle& style, double width) {
    double across = width > 0 ? width : style.em(46);
    SceneFrame frame(options_, QRectF(0, 0, across, 1e4), style);
    return {across, std::ceil(frame.around + flow(frame.body.width(), style) + bar_height(style))};
}

void TokenTextScene::paint(QPainter& painter, QRectF rect, const FigureStyle& style) {
    begin_scene(painter, rect, style);
    SceneFrame frame(options_, rect, style);
    texts_ = std::move(frame.texts);
    flow(frame.body.width(), style);
    double bar = bar_height(style), line = text_height(style.font(0.9));
    double bottom = frame.body.bottom() - bar;
    std::size_t shown = boxes_.size();
    for (QRectF& box : boxes_) box.translate(frame.body.topLeft());
    while (shown > 0 && boxes_[shown - 1].bottom() > (shown == boxes_.size() ? bottom + 0.01 : bottom - line)) --shown;
    std::size_t cut = boxes_.size() - shown;
    boxes_.resize(shown);
    QFont font = style.font(1.05);
    for (std::size_t i = 0; i < shown; ++i) {
        double value = i < text_->values.size() ? text_->values[i] : NAN;
        QColor ink = style.ink;
        if (std::isfinite(value)) {
            QColor color(scale_.color(value));
            ink = ink_on(color);
            painter.setPen(Qt::NoPen);
            painter.setBrush(color);
            painter.drawRoundedRect(boxes_[i], style.em(0.15), style.em(0.15));
        }
        if (value < 0) {
            painter.setPen(style.pen(ink, 0.09));
            double y = boxes_[i].bottom() - style.em(0.12);
            painter.drawLine(QPointF(boxes_[i].left() + style.em(0.15), y), QPointF(boxes_[i].right() - style.em(0.15), y));
        }
        place(texts_, visible_token(text_->tokens[i]), font, ink, boxes_[i]);
    }
    if (cut > 0)
        place(texts_, QStringLiteral("and %1 more tokens").arg(cut), style.font(0.9), style.muted,
              {frame.body.left(), bottom - line, frame.body.width(), line}, Qt::AlignLeft);
    double end = shown == 0 || cut > 0 ? bottom : boxes_.back().bottom();
    paint_bar(painter, QRectF(frame.body.left(), end + style.em(1), frame.body.width(), bar - style.em(1)), style);
    for (const PlacedText& text : texts_) draw(painter, text, style);
    painter.restore();
}

void TokenTextScene::paint_bar(QPainter& painter, const QRectF& rect, const FigureStyle& style) {
    QFont font = style.font(0.9);
    double line = text_height(font);
    QRectF bar(rect.left() + style.em(1.5), rect.top(), std::min(style.em(18), rect.width() - style.em(3)), style.em(0.9));
    if (bar.width() < style.em(4)) return;
    QLinearGradient gradient(bar.topLeft(), bar.topRight());
    for (std::size_t i = 0; i <= 255; i += 5) gradient.setColorAt(static_cast<double>(i) / 255, QColor(stops_of(scale_.map())[i]));
    painter.setBrush(gradient);
    painter.setPen(style.pen(style.line, 0.06));
    painter.drawRect(bar);
    Ticks ticks = round_ticks(scale_.range().low, scale_.range().high, static_cast<int>(std::clamp(bar.width() / style.em(3.2), 2.0, 7.0)));
    double last = -INFINITY;
    for (double v : ticks.values) {
        double x = bar.left() + scale_.position(v) * bar.width(), half = text_width(ticks.format(v), font) / 2 + 0.5;
        painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + style.em(0.2)));
        if (x - half < last) continue;
        last = x + half + style.em(0.3);
        place(texts_, ticks.format(v), font, style.ink, {x - half, bar.bottom() + style.em(0.3), 2 * half, line});
    }
    QString unit = QString::fromStdString(text_->unit);
    if (negative_) unit += (unit.isEmpty() ? "" : "; ") + QStringLiteral("underlined: negative");
    place(texts_, unit, font, style.ink, {rect.left(), bar.bottom() + style.em(0.3) + line, rect.width(), line}, Qt::AlignLeft);
}

std::optional<std::size_t> TokenTextScene::token_at(QPointF point) const {
    for (std::size_t i = 0; i < boxes_.size(); ++i)
        if (boxes_[i].contains(point)) return i;
    return std::nullopt;
}

QString TokenTextScene::describe(std::size_t i) const {
    QString text = QStringLiteral("position %1 “%2”: ").arg(i).arg(visible_token(text_->tokens[i]));
    double value = i < text_->values.size() ? text_->values[i] : NAN;
    return text + number_text(value) +
           (std::isfinite(value) && !text_->unit.empty() ? ' ' + QString::fromStdString(text_->unit) : QString());
}

}  // namespace microtome
