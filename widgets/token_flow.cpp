#include "widgets/token_flow.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "widgets/figures/colormap.h"
#include "widgets/figures/text.h"
#include "widgets/theme.h"
#include "widgets/token_text.h"

namespace microtome {

TokenFlow::TokenFlow(QWidget* parent) : TableCanvas(parent) {
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void TokenFlow::set_tokens(const std::vector<std::string>& tokens) {
    if (tokens == tokens_) return;
    tokens_ = tokens;
    weights_.clear();
    from_ = -1;
    reset_cells();
    boxes_ = placed(width());
    updateGeometry();
}

void TokenFlow::set_weights(const std::vector<double>& weights, int from) {
    weights_ = weights;
    from_ = from;
    update();
}

QString TokenFlow::cell_text(CellIndex cell) const {
    if (!cell.valid() || cell.column >= columns()) return {};
    const auto at = static_cast<std::size_t>(cell.column);
    QString text = QStringLiteral("%1, position %2").arg(quoted_text(tokens_[at])).arg(cell.column);
    if (at < weights_.size() && !std::isnan(weights_[at]))
        text += tr(", attention from position %1: %2").arg(from_).arg(number_text(weights_[at], 3));
    return text;
}

std::vector<QRectF> TokenFlow::placed(int width) const {
    const QFontMetricsF metrics(font());
    const double height = metrics.height() * 1.3, pad = metrics.height() * 0.22;
    std::vector<QRectF> out;
    double x = 1, y = 1;
    for (const std::string& token : tokens_) {
        const double w = metrics.horizontalAdvance(visible_token(token)) + 2 * pad;
        if (x + w > width - 1 && x > 1) x = 1, y += height + pad * 0.7;
        out.emplace_back(x, y, w, height);
        x += w + pad * 0.5;
    }
    return out;
}

QRectF TokenFlow::cell_rect(CellIndex cell) const {
    return cell.row == 0 && cell.column >= 0 && cell.column < static_cast<int>(boxes_.size())
               ? boxes_[static_cast<std::size_t>(cell.column)]
               : QRectF();
}

CellIndex TokenFlow::cell_at(QPointF point) const {
    const auto found = std::find_if(boxes_.begin(), boxes_.end(), [&](const QRectF& box) { return box.contains(point); });
    return found == boxes_.end() ? CellIndex{} : CellIndex{0, static_cast<int>(found - boxes_.begin())};
}

int TokenFlow::heightForWidth(int width) const {
    const auto boxes = placed(width);
    return boxes.empty() ? fontMetrics().height() : static_cast<int>(std::ceil(boxes.back().bottom())) + 2;
}

QSize TokenFlow::sizeHint() const {
    const int width = std::max(this->width(), fontMetrics().height() * 14);
    return {width, heightForWidth(width)};
}

QSize TokenFlow::minimumSizeHint() const {
    return {fontMetrics().height() * 8, fontMetrics().height() * 2};
}

void TokenFlow::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Theme theme = Theme::of(palette());
    double most = 0;
    for (const double w : weights_)
        if (!std::isnan(w)) most = std::max(most, w);
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
        const bool shaded = i < weights_.size() && !std::isnan(weights_[i]) && most > 0;
        const QColor fill = shaded ? blend(theme.base, theme.accent, 0.85 * weights_[i] / most) : theme.base;
        const bool here = static_cast<int>(i) == from_;
        painter.setBrush(fill);
        painter.setPen(here ? QPen(theme.substituted, 2)
                            : QPen(hover_cell() == CellIndex{0, static_cast<int>(i)} ? theme.text : Qt::transparent, 1));
        painter.drawRoundedRect(boxes_[i].adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
        painter.setPen(ink_on(fill));
        painter.drawText(boxes_[i], Qt::AlignCenter, visible_token(tokens_[i]));
    }
    paint_pins(painter, false);
    if (hasFocus() && current_cell().valid()) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(theme.text, 1, Qt::DotLine));
        painter.drawRect(cell_rect(current_cell()));
    }
}

void TokenFlow::resizeEvent(QResizeEvent*) {
    boxes_ = placed(width());
    update();
}

}  // namespace microtome
