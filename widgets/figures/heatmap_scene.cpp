#include "widgets/figures/heatmap_scene.h"

#include <algorithm>
#include <cmath>

namespace microtome {

HeatmapScene::HeatmapScene(std::shared_ptr<const Grid> grid, SceneOptions options) : grid_(std::move(grid)), options_(std::move(options)) {
    read_grid();
}

void HeatmapScene::set_grid(std::shared_ptr<const Grid> grid) {
    grid_ = std::move(grid);
    read_grid();
}

void HeatmapScene::set_options(SceneOptions options) {
    options_ = std::move(options);
    read_grid();
}

void HeatmapScene::set_window(const GridWindow& window) {
    GridWindow all = whole(), w = window;
    w.row = std::min(w.row, all.rows ? all.rows - 1 : 0), w.col = std::min(w.col, all.cols ? all.cols - 1 : 0);
    w.rows = std::min(w.rows ? w.rows : all.rows, all.rows - w.row);
    w.cols = std::min(w.cols ? w.cols : all.cols, all.cols - w.col);
    if (w == content_.window) return;
    content_.window = w;
    laid_out_style_.reset();
    images_.clear();
}

bool HeatmapScene::uncertain(std::size_t flat) const {
    return !grid_->sem.empty() && grid_->computed(flat) && std::abs(grid_->values[flat]) < 2 * grid_->sem[flat];
}

bool HeatmapScene::blank(std::size_t flat) const {
    return grid_->computed(flat) && std::abs(grid_->values[flat]) < options_.blank_below;
}

void HeatmapScene::read_grid() {
    std::optional<GridSlices> before = std::move(slices_);
    slices_.emplace(*grid_, options_.row_axis, options_.col_axis);
    bool same = before && before->rows() == slices_->rows() && before->cols() == slices_->cols();
    Colormap map = options_.colormap.value_or(grid_->diverging ? Colormap::rd_bu_r : Colormap::viridis);
    content_.slices = &*slices_;
    content_.scale = ColorScale(map, range_of(grid_->values, grid_->mask, options_.norm, grid_->diverging));
    content_.title = QString::fromStdString(options_.title);
    content_.caption = QString::fromStdString(options_.caption);
    if (!grid_->approximate.empty() && !content_.caption.isEmpty())
        content_.caption = axis_title(approximate_text(*grid_).toStdString()) + QStringLiteral(" · ") + content_.caption;
    content_.unit = QString::fromStdString(grid_->unit);
    if (!same) content_.window = whole();
    content_.keys.clear();
    content_.below = content_.above = false;
    bool missing = false, nan = false, unsure = false, negative = false, blanks = false;
    Range range = content_.scale.range();
    for (std::size_t i = 0; i < grid_->values.size(); ++i) {
        double v = grid_->values[i];
        bool known = grid_->computed(i);
        missing |= !known;
        nan |= known && !std::isfinite(v);
        unsure |= uncertain(i);
        blanks |= blank(i);
        negative |= known && v < 0;
        content_.below |= known && std::isfinite(v) && v < range.low;
        content_.above |= known && std::isfinite(v) && v > range.high;
    }
    using Kind = HeatmapContent::Key::Kind;
    if (missing) content_.keys.push_back({Kind::missing, QStringLiteral("not computed")});
    if (nan) content_.keys.push_back({Kind::nan, QStringLiteral("no value")});
    if (blanks)
        content_.keys.push_back(
            {Kind::blank, QStringLiteral("|value| < ") + NumberFormat::for_cells(options_.blank_below)(options_.blank_below)});
    if (options_.hatch_negative && negative) content_.keys.push_back({Kind::negative, QStringLiteral("negative")});
    if (unsure) content_.keys.push_back({Kind::uncertain, QStringLiteral("|mean| < 2 SEM")});
    if (!grid_->approximate.empty()) content_.keys.push_back({Kind::approximate, approximate_text(*grid_)});
    laid_out_style_.reset();
    images_.clear();
}

QSizeF HeatmapScene::preferred_size(const FigureStyle& style, double width) {
    if (slices_->panels() == 0) return {style.em(24), style.em(4)};
    std::size_t panels = slices_->panels(), columns = slices_->panel_columns();
    double cols = static_cast<double>(content_.window.cols), rows = static_cast<double>(content_.window.rows);
    if (columns == 0) {
        double wanted =
            panels <= 3 ? static_cast<double>(panels) : std::sqrt(static_cast<double>(panels) * std::clamp(rows / cols, 0.5, 2.0));
        columns = std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(wanted)), 1, panels);
    }
    double across = static_cast<double>(columns), down = std::ceil(static_cast<double>(panels) / across);
    // Cells with room for a number, in figures that fit the width of a page; rows are never lower than their label unless there are very
    // many.
    double cell_w = std::min(style.em(2.9), style.em(46) / (cols * across));
    double cell_h =
        std::clamp(cell_w, std::min(style.em(1.25), style.em(48) / (rows * down)), std::max(style.em(48) / (rows * down), style.em(0.02)));
    cell_h = std::min(cell_h, style.em(2.9));
    if (slices_->square()) cell_w = cell_h = std::min(style.em(2.9), style.em(40) / std::max(cols * across, rows * down));
    QRectF room(0, 0, width > 0 ? width : 1e5, 1e5);
    if (width > 0) cell_w = style.em(6);
    HeatmapLayout layout = lay_out(content_, room, style, {cell_w, std::max(cell_h, style.em(0.02))}, columns);
    return {width > 0 ? width : std::ceil(layout.content.width() + style.em(1.6)), std::ceil(layout.content.height() + style.em(1.6))};
}

const HeatmapLayout& HeatmapScene::layout(const QRectF& rect, const FigureStyle& style) {
    if (laid_out_style_ == style && laid_out_for_ == rect) return layout_;
    layout_ = {};
    if (slices_->panels() > 0) {
        double side = style.em(slices_->square() ? 6 : 7);
        layout_ = lay_out(content_, rect, style, {side, style.em(6)});
        if (options_.values) place_values(style);
    }
    laid_out_for_ = rect;
    laid_out_style_ = style;
    return layout_;
}

/// Numbers in the cells, all or none: a few missing ones would look like a statement.
void HeatmapScene::place_values(const FigureStyle& style) {
    const GridWindow& w = content_.window;
    QFont font = style.font(layout_.cell_w >= style.em(3) ? 0.85 : 0.75);
    font.setItalic(!grid_->approximate.empty());
    if (layout_.cell_w < style.em(28.0 / 12) || layout_.cell_h < text_height(font)) return;
    Range range = content_.scale.range();
    NumberFormat format = NumberFormat::for_cells(std::max(std::abs(range.low), std::abs(range.high)));
    std::vector<PlacedText> texts;
    for (std::size_t p = 0; p < slices_->panels(); ++p)
        for (std::size_t r = 0; r < w.rows; ++r)
            for (std::size_t c = 0; c < w.cols; ++c) {
                std::size_t flat = slices_->flat(p, w.row + r, w.col + c);
                double value = grid_->values[flat];
                if (!grid_->computed(flat) || !std::isfinite(value) || blank(flat)) continue;
                QString text = grid_->texts.empty() ? format(value) : visible_token(grid_->texts[flat]);
                const double room = layout_.cell_w - style.em(0.2);
                if (text_width(text, font) > room) {
                    if (grid_->texts.empty()) return;
                    text = elided(text, font, room);
                }
                texts.push_back({text, font, ink_on(QColor(content_.scale.color(value))), cell_rect(w.row + r, w.col + c, p)});
            }
    layout_.texts.insert(layout_.texts.end(), texts.begin(), texts.end());
}

std::optional<GridSlices::Place> HeatmapScene::cell_at(QPointF point) const {
    const GridWindow& w = content_.window;
    for (std::size_t p = 0; p < layout_.panels.size(); ++p) {
        const QRectF& body = layout_.panels[p];
        double x = point.x() - body.left(), y = point.y() - body.top();
        if (x < 0 || y < 0 || x >= body.width() || y >= body.height()) continue;
        auto col = std::min(static_cast<std::size_t>(x / layout_.cell_w), w.cols - 1);
        auto row = std::min(static_cast<std::size_t>(y / layout_.cell_h), w.rows - 1);
        return GridSlices::Place{p, w.row + row, w.col + col};
    }
    return std::nullopt;
}

QRectF HeatmapScene::cell_rect(std::size_t row, std::size_t col, std::size_t panel) const {
    const GridWindow& w = content_.window;
    if (panel >= layout_.panels.size() || row < w.row || col < w.col || row >= w.row + w.rows || col >= w.col + w.cols) return {};
    const QRectF& body = layout_.panels[panel];
    return {body.left() + static_cast<double>(col - w.col) * layout_.cell_w, body.top() + static_cast<double>(row - w.row) * layout_.cell_h,
            layout_.cell_w, layout_.cell_h};
}

QString HeatmapScene::describe(const GridSlices::Place& place) const {
    std::size_t flat = slices_->flat(place.panel, place.row, place.col), rest = flat;
    QStringList where;
    for (std::size_t i = grid_->axes.size(); i-- > 0;) {
        const Axis& axis = grid_->axes[i];
        std::size_t k = rest % axis.size();
        rest /= axis.size();
        QString name = QString::fromStdString(axis.name), label = visible_token(axis.labels[k]);
        where.prepend(label == QString::number(k) ? name + ' ' + label : name + QStringLiteral(" %1 “%2”").arg(k).arg(label));
    }
    QString text = where.join(QStringLiteral(", ")) + QStringLiteral(": ");
    if (!grid_->computed(flat)) return text + QStringLiteral("not computed");
    if (!grid_->texts.empty()) text += QStringLiteral("“%1” ").arg(visible_token(grid_->texts[flat]));
    if (!grid_->approximate.empty()) text += QStringLiteral("≈ ");
    text += number_text(grid_->values[flat]);
    if (!grid_->sem.empty()) text += QStringLiteral(" ± ") + number_text(grid_->sem[flat], 2) + QStringLiteral(" (SEM)");
    if (!content_.unit.isEmpty() && std::isfinite(grid_->values[flat])) text += ' ' + content_.unit;
    return grid_->approximate.empty() ? text : text + QStringLiteral(", ") + approximate_text(*grid_);
}

QString approximate_text(const Grid& grid) {
    return QStringLiteral("approximate (%1)").arg(QString::fromStdString(grid.approximate));
}

}  // namespace microtome
