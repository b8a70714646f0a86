// Zooming and panning of a heat map, in whole cells: Ctrl and the wheel, dragging, and the current cell that is always brought on screen.
#include <QApplication>
#include <QMouseEvent>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/heatmap_view.h"

namespace microtome {
namespace {

constexpr std::size_t fewest = 3;      // cells left on screen along an axis
constexpr double wheel_factor = 1.25;  // a step of the wheel

/// The part of `all` cells that `seen` becomes; `at` keeps its place within it.
std::pair<std::size_t, std::size_t> zoomed_span(std::size_t first, std::size_t seen, std::size_t all, double factor, double at) {
    const double wanted = static_cast<double>(seen) / factor;
    // At least one cell more or less, or a step of the wheel would do nothing on a small map.
    auto next = static_cast<std::size_t>(factor > 1 ? std::min(std::floor(wanted), static_cast<double>(seen) - 1)
                                                    : std::max(std::ceil(wanted), static_cast<double>(seen) + 1));
    next = std::clamp(next, std::min(fewest, all), all);
    const double share = (at - static_cast<double>(first)) / static_cast<double>(seen);
    const double start = std::round(at - share * static_cast<double>(next));
    return {static_cast<std::size_t>(std::clamp(start, 0.0, static_cast<double>(all - next))), next};
}

std::size_t moved_start(std::size_t first, std::size_t seen, std::size_t all, double by) {
    return static_cast<std::size_t>(std::clamp(static_cast<double>(first) + by, 0.0, static_cast<double>(all - seen)));
}

/// The start nearest to `first` from which `cell` is seen.
std::size_t revealing_start(std::size_t first, std::size_t seen, std::size_t cell) {
    if (cell < first) return cell;
    return cell >= first + seen ? cell - seen + 1 : first;
}

}  // namespace

bool HeatmapView::zoomed() const {
    return scene_ && (scene_->window().rows < scene_->slices().rows() || scene_->window().cols < scene_->slices().cols());
}

SceneOptions HeatmapView::shown_options() const {
    SceneOptions options = options_;
    if (!zoomed()) return options;
    const GridWindow& w = scene_->window();
    options.title += tr(" (%1 × %2 of %3 × %4 cells: Ctrl+0 shows all)")
                         .arg(w.rows)
                         .arg(w.cols)
                         .arg(scene_->slices().rows())
                         .arg(scene_->slices().cols())
                         .toStdString();
    return options;
}

void HeatmapView::show_window(const GridWindow& window) {
    if (!scene_ || window == scene_->window()) return;
    scene_->set_window(window);
    scene_->set_options(shown_options());
    set_hover({});
    redraw();
}

void HeatmapView::zoom(double factor, CellIndex around) {
    if (!scene_ || factor <= 0 || factor == 1) return;
    GridWindow w = scene_->window();
    const CellIndex anchor = around.valid() ? around : current_cell();
    double row = static_cast<double>(w.row) + static_cast<double>(w.rows) / 2,
           col = static_cast<double>(w.col) + static_cast<double>(w.cols) / 2;
    if (anchor.valid()) {
        const auto at = place(anchor);
        row = static_cast<double>(at.row) + 0.5, col = static_cast<double>(at.col) + 0.5;
    }
    std::tie(w.row, w.rows) = zoomed_span(w.row, w.rows, scene_->slices().rows(), factor, row);
    std::tie(w.col, w.cols) = zoomed_span(w.col, w.cols, scene_->slices().cols(), factor, col);
    show_window(w);
}

void HeatmapView::zoom_to_all() {
    if (scene_) show_window({0, scene_->slices().rows(), 0, scene_->slices().cols()});
}

void HeatmapView::pan(int rows, int columns) {
    if (!scene_) return;
    GridWindow w = scene_->window();
    w.row = moved_start(w.row, w.rows, scene_->slices().rows(), rows);
    w.col = moved_start(w.col, w.cols, scene_->slices().cols(), columns);
    show_window(w);
}

void HeatmapView::reveal(CellIndex cell) {
    if (!zoomed() || !cell.valid() || cell.row >= rows() || cell.column >= columns()) return;
    const auto at = place(cell);
    GridWindow w = scene_->window();
    w.row = revealing_start(w.row, w.rows, at.row);
    w.col = revealing_start(w.col, w.cols, at.col);
    show_window(w);
}

void HeatmapView::wheelEvent(QWheelEvent* event) {
    const bool zooms = event->modifiers() & Qt::ControlModifier;
    if (!scene_ || (!zooms && !zoomed())) return TableCanvas::wheelEvent(event);
    event->accept();
    const QPoint turned = event->angleDelta();
    wheel_ += (turned.y() ? turned.y() : turned.x()) / 120.0;  // touch pads send parts of a step
    const double steps = std::trunc(wheel_);
    if (steps == 0) return;
    wheel_ -= steps;
    if (zooms)
        zoom(std::pow(wheel_factor, steps), cell_at(event->position()));
    else if (event->modifiers() & Qt::ShiftModifier || turned.y() == 0)
        pan(0, -static_cast<int>(steps));
    else
        pan(-static_cast<int>(steps), 0);
}

void HeatmapView::mousePressEvent(QMouseEvent* event) {
    const bool plain = event->button() == Qt::LeftButton && event->modifiers() == Qt::NoModifier;
    if (zoomed() && plain && cell_at(event->position()).valid())
        drag_ = Drag{event->position(), scene_->window()};  // chosen when the button goes up, if nothing was dragged
    else
        TableCanvas::mousePressEvent(event);
}

void HeatmapView::mouseMoveEvent(QMouseEvent* event) {
    if (!drag_ || !scene_) return TableCanvas::mouseMoveEvent(event);
    const QPointF way = event->position() - drag_->from;
    if (!drag_->moved && way.manhattanLength() < QApplication::startDragDistance()) return;
    drag_->moved = true;
    setCursor(Qt::ClosedHandCursor);
    const QSizeF cell = cell_rect({static_cast<int>(scene_->window().row), static_cast<int>(scene_->window().col)}).size();
    if (cell.isEmpty()) return;
    GridWindow w = drag_->window;
    w.row = moved_start(w.row, w.rows, scene_->slices().rows(), -std::round(way.y() / cell.height()));
    w.col = moved_start(w.col, w.cols, scene_->slices().cols(), -std::round(way.x() / cell.width()));
    show_window(w);
}

void HeatmapView::mouseReleaseEvent(QMouseEvent* event) {
    const bool clicked = drag_ && !drag_->moved;
    if (drag_) unsetCursor();
    drag_.reset();
    if (clicked)
        choose(cell_at(event->position()));
    else
        TableCanvas::mouseReleaseEvent(event);
}

}  // namespace microtome
