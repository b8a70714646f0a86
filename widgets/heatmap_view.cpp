#include "widgets/heatmap_view.h"

#include <QEvent>
#include <QPainter>

#include "widgets/theme.h"

namespace microtome {

namespace {

bool same_axes(const Grid& a, const Grid& b) {
    return std::equal(a.axes.begin(), a.axes.end(), b.axes.begin(), b.axes.end(),
                      [](const Axis& x, const Axis& y) { return x.name == y.name && x.labels == y.labels; });
}

}  // namespace

HeatmapView::HeatmapView(QWidget* parent) : TableCanvas(parent) {
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

HeatmapView::~HeatmapView() = default;

void HeatmapView::set_grid(std::shared_ptr<const Grid> grid, const SceneOptions& options) {
    options_ = options;
    const bool kept = scene_ && grid && same_axes(scene_->grid(), *grid);
    if (!grid || grid->size() == 0)
        scene_.reset();
    else if (scene_)
        scene_->set_grid(std::move(grid)), scene_->set_options(shown_options());
    else
        scene_ = std::make_unique<HeatmapScene>(std::move(grid), options);
    if (!kept) {
        reset_cells();
        zoom_to_all();
    }
    redraw();
}

void HeatmapView::set_echoes(std::vector<CellIndex> hovered, std::vector<CellIndex> selected) {
    if (hovered == hovered_echoes_ && selected == selected_echoes_) return;
    hovered_echoes_ = std::move(hovered), selected_echoes_ = std::move(selected);
    update();
}

void HeatmapView::set_message(const QString& text) {
    if (message_ == text) return;
    message_ = text;
    update();
}

void HeatmapView::redraw() {
    picture_ = {};
    if (scene_) scene_->layout(QRectF(rect()), screen_style(*this));
    update();
}

GridSlices::Place HeatmapView::place(CellIndex cell) const {
    const std::size_t rows = scene_->slices().rows(), row = static_cast<std::size_t>(cell.row);
    return {row / rows, row % rows, static_cast<std::size_t>(cell.column)};
}

std::size_t HeatmapView::flat(CellIndex cell) const {
    const auto [panel, row, col] = place(cell);
    return scene_->slices().flat(panel, row, col);
}

CellIndex HeatmapView::cell_of_flat(std::size_t flat) const {
    if (!scene_ || flat >= scene_->grid().size()) return {};
    const auto at = scene_->slices().place(flat);
    return {static_cast<int>(at.panel * scene_->slices().rows() + at.row), static_cast<int>(at.col)};
}

int HeatmapView::rows() const {
    return scene_ ? static_cast<int>(scene_->slices().panels() * scene_->slices().rows()) : 0;
}

int HeatmapView::columns() const {
    return scene_ ? static_cast<int>(scene_->slices().cols()) : 0;
}

QString HeatmapView::cell_text(CellIndex cell) const {
    if (!scene_ || !cell.valid() || cell.row >= rows() || cell.column >= columns()) return {};
    return describe_ ? describe_(flat(cell)) : scene_->describe(place(cell));
}

QString HeatmapView::row_title(int row) const {
    if (!scene_ || row < 0 || row >= rows()) return {};
    const auto at = place({row, 0});
    const QString label = axis_title(scene_->slices().row_name()) + QLatin1Char(' ') + visible_token(scene_->slices().row_labels()[at.row]);
    const QString panel = scene_->slices().panel_title(at.panel, false);
    return panel.isEmpty() ? label : panel + QStringLiteral(", ") + label;
}

QString HeatmapView::column_title(int column) const {
    if (!scene_ || column < 0 || column >= columns()) return {};
    return axis_title(scene_->slices().col_name()) + QLatin1Char(' ') +
           visible_token(scene_->slices().col_labels()[static_cast<std::size_t>(column)]);
}

QRectF HeatmapView::cell_rect(CellIndex cell) const {
    if (!scene_ || !cell.valid() || cell.row >= rows() || cell.column >= columns()) return {};
    const auto [panel, row, col] = place(cell);
    return scene_->cell_rect(row, col, panel);
}

CellIndex HeatmapView::cell_at(QPointF point) const {
    if (!scene_) return {};
    const auto at = scene_->cell_at(point);
    return at ? CellIndex{static_cast<int>(at->panel * scene_->slices().rows() + at->row), static_cast<int>(at->col)} : CellIndex{};
}

QSize HeatmapView::sizeHint() const {
    const int em = fontMetrics().height();
    return {em * 36, em * 22};
}

QSize HeatmapView::minimumSizeHint() const {
    const int em = fontMetrics().height();
    return {em * 14, em * 10};
}

void HeatmapView::outline(QPainter& painter, CellIndex cell, const QColor& color, double width) const {
    const QRectF box = cell_rect(cell);
    if (box.isEmpty()) return;
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(palette().color(QPalette::Base), width + 2));
    painter.drawRect(box);
    painter.setPen(QPen(color, width));
    painter.drawRect(box);
}

void HeatmapView::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const Theme theme = Theme::of(palette());
    if (!scene_) {
        painter.fillRect(rect(), theme.base);
        painter.setPen(theme.dim);
        const int margin = fontMetrics().height();
        painter.drawText(rect().adjusted(margin, margin, -margin, -margin), Qt::AlignCenter | Qt::TextWordWrap, message_);
        return;
    }
    if (picture_.isNull()) {
        picture_ = QPixmap(size() * devicePixelRatioF());
        picture_.setDevicePixelRatio(devicePixelRatioF());
        picture_.fill(theme.base);
        QPainter into(&picture_);
        scene_->paint(into, QRectF(rect()), screen_style(*this));
    }
    painter.drawPixmap(0, 0, picture_);
    for (CellIndex cell : selected_echoes_) outline(painter, cell, theme.text, 1);
    for (CellIndex cell : hovered_echoes_) outline(painter, cell, theme.accent, 1);
    outline(painter, hover_cell(), theme.dim, 1);
    paint_pins(painter, true);
    outline(painter, current_cell(), hasFocus() ? theme.accent : theme.text, 2);
}

void HeatmapView::resizeEvent(QResizeEvent*) {
    redraw();
}

void HeatmapView::changeEvent(QEvent* event) {
    TableCanvas::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) redraw();
}

}  // namespace microtome
