// The painting half of HeatmapScene.
#include <algorithm>
#include <cmath>

#include "widgets/figures/heatmap_scene.h"

namespace microtome {

struct HeatmapScene::Frame {
    QPainter& painter;
    const FigureStyle& style;
};

namespace {

constexpr double most_file_pixels = 4.2e6;

/// Lines at 45° over `rect`, rising to the right or falling, cut exactly at its edges.
void hatch(QPainter& painter, const QRectF& rect, double spacing, const QPen& pen, bool falling = false) {
    std::vector<QLineF> lines;
    for (double sum = std::ceil((rect.left() + rect.top()) / spacing) * spacing; sum < rect.right() + rect.bottom(); sum += spacing) {
        // Points with x + y = sum.
        double x0 = std::max(rect.left(), sum - rect.bottom()), x1 = std::min(rect.right(), sum - rect.top());
        if (x1 <= x0) continue;
        double flip = rect.top() + rect.bottom();  // mirrored: falling lines
        falling ? lines.emplace_back(x0, flip - (sum - x0), x1, flip - (sum - x1)) : lines.emplace_back(x0, sum - x0, x1, sum - x1);
    }
    painter.setRenderHint(QPainter::Antialiasing, true);
    painter.setPen(pen);
    for (const QLineF& line : lines) painter.drawLine(line);
    painter.setRenderHint(QPainter::Antialiasing, false);
}

void dot(QPainter& painter, QPointF center, double radius, const QColor& color) {
    painter.setRenderHint(QPainter::Antialiasing, true);
    painter.setPen(Qt::NoPen);
    painter.setBrush(color);
    painter.drawEllipse(center, radius, radius);
    painter.setRenderHint(QPainter::Antialiasing, false);
}

}  // namespace

void HeatmapScene::paint(QPainter& painter, QRectF rect, const FigureStyle& style) {
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    if (!style.transparent) painter.fillRect(rect, style.background);
    if (!style.print) painter.setClipRect(rect);
    layout(rect, style);
    if (slices_->panels() == 0) {
        layout_.texts = {{QStringLiteral("This grid has no cells."), style.font(), style.muted, rect}};
    }
    Frame frame{painter, style};
    std::size_t cells = slices_->panels() * content_.window.rows * content_.window.cols;
    images_.resize(layout_.panels.size());
    for (std::size_t p = 0; p < layout_.panels.size(); ++p) {
        bool missing = !content_.keys.empty() && content_.keys.front().kind == HeatmapContent::Key::Kind::missing;
        if (missing)
            hatch(painter, layout_.panels[p], std::clamp(std::min(layout_.cell_w, layout_.cell_h) * 0.6, style.em(0.25), style.em(0.6)),
                  style.pen(style.line, 0.07));
        if (cells <= style.vector_cells)
            paint_cells(frame, p);
        else
            paint_image(frame, p);
        paint_frame(frame, layout_.panels[p]);
    }
    if (!layout_.panels.empty()) {
        paint_bar(frame);
        paint_keys(frame);
    }
    PaintGroup text(painter, "text");
    for (const PlacedText& t : layout_.texts) draw(painter, t, style);
    painter.restore();
}

/// Around cells: a line; dashed, and thicker, around approximate ones, as edges of graphs are that were only attributed.
void HeatmapScene::paint_frame(const Frame& frame, const QRectF& box) {
    const bool exact = grid_->approximate.empty();
    QPen pen = frame.style.pen(exact ? frame.style.line : frame.style.ink, exact ? 0.06 : 0.12);
    if (!exact) pen.setCapStyle(Qt::FlatCap), pen.setDashPattern({4, 3});
    frame.painter.setPen(pen);
    frame.painter.setBrush(Qt::NoBrush);
    frame.painter.setRenderHint(QPainter::Antialiasing, true);
    frame.painter.drawRect(box);
    frame.painter.setRenderHint(QPainter::Antialiasing, false);
}

void HeatmapScene::paint_cells(const Frame& frame, std::size_t panel) {
    const GridWindow& w = content_.window;
    std::string id = slices_->panels() == 1 ? "cells" : "cells-" + std::to_string(panel);
    PaintGroup group(frame.painter, id.c_str());
    frame.painter.setPen(Qt::NoPen);
    // Viewers of PDF and SVG smooth edges, which shows as hairlines between cells that only touch: each is continued under its neighbour.
    double under = frame.style.vector ? frame.style.em(0.03) : 0;
    for (std::size_t r = 0; r < w.rows; ++r)
        for (std::size_t c = 0; c < w.cols; ++c) {
            std::size_t flat = slices_->flat(panel, w.row + r, w.col + c);
            bool known = grid_->computed(flat);
            QRectF cell = cell_rect(w.row + r, w.col + c, panel);
            bool edge_right = c + 1 == w.cols, edge_below = r + 1 == w.rows;
            if (known) cell.adjust(0, 0, edge_right ? 0 : under, edge_below ? 0 : under);
            QColor color = blank(flat) ? frame.style.background : QColor(content_.scale.color(grid_->values[flat]));
            frame.painter.setBrush(known ? QBrush(color) : QBrush(Qt::NoBrush));
            frame.painter.drawRect(cell);
        }
    if (options_.blank_below > 0) paint_blanks(frame, panel);
    if (options_.hatch_negative) paint_signs(frame, panel);
    if (grid_->sem.empty() || std::min(layout_.cell_w, layout_.cell_h) < frame.style.em(0.7)) return;
    PaintGroup marks(frame.painter, "uncertain");
    for (std::size_t r = 0; r < w.rows; ++r)
        for (std::size_t c = 0; c < w.cols; ++c) {
            std::size_t flat = slices_->flat(panel, w.row + r, w.col + c);
            if (!uncertain(flat)) continue;
            QRectF cell = cell_rect(w.row + r, w.col + c, panel);
            QPointF corner = cell.bottomRight() - QPointF(frame.style.em(0.3), frame.style.em(0.3));
            dot(frame.painter, corner, frame.style.em(0.11), ink_on(QColor(content_.scale.color(grid_->values[flat]))));
        }
}

void HeatmapScene::paint_blanks(const Frame& frame, std::size_t panel) {
    const GridWindow& w = content_.window;
    PaintGroup group(frame.painter, "blank");
    double radius = std::min(frame.style.em(0.09), 0.15 * std::min(layout_.cell_w, layout_.cell_h));
    for (std::size_t r = 0; r < w.rows; ++r)
        for (std::size_t c = 0; c < w.cols; ++c)
            if (blank(slices_->flat(panel, w.row + r, w.col + c)))
                dot(frame.painter, cell_rect(w.row + r, w.col + c, panel).center(), radius, frame.style.line);
}

void HeatmapScene::paint_signs(const Frame& frame, std::size_t panel) {
    const GridWindow& w = content_.window;
    PaintGroup group(frame.painter, "negative");
    for (std::size_t r = 0; r < w.rows; ++r)
        for (std::size_t c = 0; c < w.cols; ++c) {
            std::size_t flat = slices_->flat(panel, w.row + r, w.col + c);
            double value = grid_->values[flat];
            if (!grid_->computed(flat) || !std::isfinite(value) || value >= 0) continue;
            QColor ink = ink_on(QColor(content_.scale.color(value)));
            ink.setAlphaF(0.35f);
            hatch(frame.painter, cell_rect(w.row + r, w.col + c, panel), frame.style.em(0.45), frame.style.pen(ink, 0.06), true);
        }
}

QImage HeatmapScene::cell_image(std::size_t panel, const QColor& background) const {
    const GridWindow& w = content_.window;
    QImage image(static_cast<int>(w.cols), static_cast<int>(w.rows), QImage::Format_ARGB32_Premultiplied);
    const Stops& stops = stops_of(content_.scale.map());
    Range range = content_.scale.range();
    double scale = 256 / (range.high - range.low);
    for (std::size_t r = 0; r < w.rows; ++r) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(static_cast<int>(r)));
        for (std::size_t c = 0; c < w.cols; ++c) {
            std::size_t flat = slices_->flat(panel, w.row + r, w.col + c);
            double value = grid_->values[flat];
            QRgb color =
                std::isfinite(value) ? stops[static_cast<std::size_t>(std::clamp((value - range.low) * scale, 0.0, 255.0))] : nan_color();
            if (blank(flat)) color = background.rgb();
            line[c] = grid_->computed(flat) ? color | 0xff000000u : 0;  // what is not computed lets the hatching through
        }
    }
    return image;
}

void HeatmapScene::paint_image(const Frame& frame, std::size_t panel) {
    const GridWindow& w = content_.window;
    const QRectF& body = layout_.panels[panel];
    QSize cells(static_cast<int>(w.cols), static_cast<int>(w.rows)), wanted = cells;
    if (frame.style.vector) {
        // Enlarged here, so that no viewer smooths the cells; many large panels together must stay a reasonable file.
        auto pixels = static_cast<double>(w.cols * w.rows * layout_.panels.size());
        wanted = cells * std::clamp(std::sqrt(most_file_pixels / pixels), 0.05, 8.0);
        if (wanted.width() > cells.width()) wanted = cells * (wanted.width() / cells.width());
    } else {
        wanted = (frame.painter.transform().mapRect(body).size() * frame.painter.device()->devicePixelRatioF()).toSize().boundedTo(cells);
    }
    if (wanted.isEmpty()) return;
    QImage& image = images_[panel];
    if (image.size() != wanted) {
        // Cells smaller than a pixel give their mean colour, not whichever cell happens to be hit.
        bool smaller = wanted.width() < cells.width() || wanted.height() < cells.height();
        image = cell_image(panel, frame.style.background);
        if (wanted != cells)
            image = image.scaled(wanted, Qt::IgnoreAspectRatio, smaller ? Qt::SmoothTransformation : Qt::FastTransformation);
    }
    frame.painter.setRenderHint(QPainter::LosslessImageRendering, true);
    frame.painter.drawImage(body, image);
}

void HeatmapScene::paint_bar(const Frame& frame) {
    QPainter& painter = frame.painter;
    const QRectF& bar = layout_.bar;
    PaintGroup group(painter, "colorbar");
    painter.setRenderHint(QPainter::Antialiasing, true);
    const Stops& stops = stops_of(content_.scale.map());
    QLinearGradient gradient(bar.bottomLeft(), bar.topLeft());
    for (std::size_t i = 0; i <= 255; i += 5) gradient.setColorAt(static_cast<double>(i) / 255, QColor(stops[i]));
    painter.setPen(Qt::NoPen);
    painter.setBrush(gradient);
    painter.drawRect(bar);
    double end = frame.style.em(0.6), x = bar.center().x();
    QPolygonF above{bar.topLeft(), bar.topRight(), QPointF(x, bar.top() - end)},
        below{bar.bottomLeft(), bar.bottomRight(), QPointF(x, bar.bottom() + end)};
    painter.setBrush(QColor(stops[255]));
    if (content_.above) painter.drawPolygon(above);
    painter.setBrush(QColor(stops[0]));
    if (content_.below) painter.drawPolygon(below);
    painter.setPen(frame.style.pen(frame.style.line, 0.06));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(bar);
    for (const QLineF& tick : layout_.ticks) painter.drawLine(tick);
    painter.setRenderHint(QPainter::Antialiasing, false);
}

void HeatmapScene::paint_keys(const Frame& frame) {
    using Kind = HeatmapContent::Key::Kind;
    for (const HeatmapLayout::PlacedKey& key : layout_.keys) {
        if (key.kind == Kind::missing) hatch(frame.painter, key.box, frame.style.em(0.3), frame.style.pen(frame.style.line, 0.07));
        if (key.kind == Kind::negative) hatch(frame.painter, key.box, frame.style.em(0.3), frame.style.pen(frame.style.ink, 0.06), true);
        if (key.kind == Kind::blank) dot(frame.painter, key.box.center(), frame.style.em(0.09), frame.style.line);
        if (key.kind == Kind::nan) frame.painter.fillRect(key.box, QColor(nan_color()));
        if (key.kind == Kind::uncertain) dot(frame.painter, key.box.center(), frame.style.em(0.11), frame.style.ink);
        if (key.kind == Kind::approximate) paint_frame(frame, key.box);
        if (key.kind == Kind::uncertain || key.kind == Kind::approximate) continue;
        frame.painter.setPen(frame.style.pen(frame.style.line, 0.06));
        frame.painter.setBrush(Qt::NoBrush);
        frame.painter.drawRect(key.box);
    }
}

}  // namespace microtome
