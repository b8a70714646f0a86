#include "widgets/figures/table_scene.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace microtome {
namespace {

constexpr std::size_t preferred_rows = 40;

/// Digits for a column of numbers: four significant ones at its largest, but no more than it has.
NumberFormat column_format(const Table& table, std::size_t column) {
    double largest = 0;
    bool whole = true;
    for (const auto& row : table.rows)
        if (column < row.size())
            if (const double* v = std::get_if<double>(&row[column]); v && std::isfinite(*v)) {
                largest = std::max(largest, std::abs(*v));
                whole = whole && *v == std::round(*v);
            }
    if (whole && largest < 1e7) return {0, false};
    if (largest >= 1e7 || (largest > 0 && largest < 1e-3)) return {3, true};
    return {largest >= 1000 ? 1 : largest >= 100 ? 2 : largest >= 10 ? 3 : 4, false};
}

QString cell_text(const Cell& cell, const NumberFormat& format) {
    if (const auto* text = std::get_if<std::string>(&cell)) return text->empty() ? QString() : visible_token(*text);
    if (const auto* whole = std::get_if<std::int64_t>(&cell)) return QString::number(*whole).replace('-', QChar(0x2212));
    return format(std::get<double>(cell));
}

}  // namespace

TableScene::TableScene(std::shared_ptr<const Table> table, SceneOptions options) : table_(std::move(table)), options_(std::move(options)) {
    for (std::size_t c = 0; c < table_->columns.size(); ++c) {
        const Column& column = table_->columns[c];
        QString unit = QString::fromStdString(column.unit);
        Shown shown{axis_title(column.name) + (unit.isEmpty() ? QString() : QStringLiteral(" (%1)").arg(unit)), {}, true};
        NumberFormat format = column_format(*table_, c);
        for (const auto& row : table_->rows) {
            shown.cells << (c < row.size() ? cell_text(row[c], format) : QString());
            shown.number = shown.number && c < row.size() && !std::holds_alternative<std::string>(row[c]);
        }
        columns_.push_back(std::move(shown));
    }
}

double TableScene::row_height(const FigureStyle& style) const {
    return text_height(style.font(0.95)) + style.em(0.35);
}

std::vector<double> TableScene::widths(const FigureStyle& style) const {
    QFontMetricsF body(style.font(0.95)), head(style.font(0.95, true));
    std::vector<double> widths;
    for (const Shown& column : columns_) {
        double widest = head.horizontalAdvance(column.head);
        for (const QString& cell : column.cells) widest = std::max(widest, body.horizontalAdvance(cell));
        widths.push_back(std::min(widest, style.em(24)) + style.em(1.6));
    }
    return widths;
}

QSizeF TableScene::preferred_size(const FigureStyle& style, double width) {
    std::vector<double> w = widths(style);
    double natural = std::max(std::accumulate(w.begin(), w.end(), style.em(1.6)), style.em(20)), across = width > 0 ? width : natural;
    SceneFrame frame(options_, QRectF(0, 0, across, 1e4), style);
    std::size_t lines = std::min(table_->rows.size(), preferred_rows) + 1 + (table_->rows.size() > preferred_rows);
    return {across, frame.around + static_cast<double>(lines) * row_height(style) + style.em(0.8)};
}

void TableScene::paint(QPainter& painter, QRectF rect, const FigureStyle& style) {
    begin_scene(painter, rect, style);
    SceneFrame frame(options_, rect, style);
    texts_ = std::move(frame.texts);
    std::vector<double> w = widths(style);
    double total = std::accumulate(w.begin(), w.end(), 0.0), height = row_height(style), available = frame.body.width();
    for (double& width : w) width *= std::min(1.0, available / std::max(total, 1.0));
    total = std::min(total, available);
    double rules = style.em(0.4), top = frame.body.top(), left = frame.body.left();
    auto room = static_cast<std::size_t>(std::max(0.0, std::floor((frame.body.height() - 2 * rules + 0.01) / height) - 1));
    shown_ = table_->rows.size() <= room ? table_->rows.size() : room > 0 ? room - 1 : 0;
    QFont font = style.font(0.95), head = style.font(0.95, true);
    double x = left, first = top + height + rules;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        Qt::Alignment align = columns_[c].number ? Qt::AlignRight : Qt::AlignLeft;
        double inset = std::min(style.em(0.5), w[c] / 8);
        place(texts_, columns_[c].head, head, style.ink, {x + inset, top, w[c] - 2 * inset, height}, align);
        for (std::size_t r = 0; r < shown_; ++r)
            place(texts_, columns_[c].cells[static_cast<qsizetype>(r)], font, style.ink,
                  {x + inset, first + static_cast<double>(r) * height, w[c] - 2 * inset, height}, align);
        x += w[c];
    }
    double end = first + static_cast<double>(shown_) * height;
    if (shown_ < table_->rows.size() && room > 0)
        place(texts_, QStringLiteral("and %1 more rows").arg(table_->rows.size() - shown_), font, style.muted,
              {left + style.em(0.5), end, available - style.em(0.5), height}, Qt::AlignLeft);
    painter.setPen(style.pen(style.ink, 0.1));
    painter.drawLine(QPointF(left, top), QPointF(left + total, top));
    painter.drawLine(QPointF(left, end + rules / 2), QPointF(left + total, end + rules / 2));
    painter.setPen(style.pen(style.ink, 0.06));
    painter.drawLine(QPointF(left, top + height), QPointF(left + total, top + height));
    for (const PlacedText& text : texts_) draw(painter, text, style);
    painter.restore();
}

}  // namespace microtome
