// A grid as a heat map: rows downwards, origin at the top left (layer 0 on top; attention: rows = destination, columns = source), panels
// for axes before the last two, a numeric colour bar always. Cells not computed yet are hatched, cells without a value grey: nothing is
// guessed.
#pragma once

#include <QImage>

#include "widgets/figures/heatmap_layout.h"
#include "widgets/figures/scene.h"

namespace microtome {

/// "approximate (first order)": what legends say of such a grid. Its frame is dashed and its numbers are italic.
QString approximate_text(const Grid& grid);

class HeatmapScene : public PlotScene {
  public:
    HeatmapScene(std::shared_ptr<const Grid> grid, SceneOptions options);

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override;
    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override;
    const std::vector<PlacedText>& texts() const override { return layout_.texts; }

    /// Other values (a sweep that goes on), same options. Axes may differ.
    void set_grid(std::shared_ptr<const Grid> grid);
    const Grid& grid() const { return *grid_; }
    void set_options(SceneOptions options);
    const SceneOptions& options() const { return options_; }
    /// Shows some rows and columns only; colours stay those of the whole grid.
    void set_window(const GridWindow& window);
    GridWindow window() const { return content_.window; }

    const GridSlices& slices() const { return *slices_; }
    const ColorScale& scale() const { return content_.scale; }
    /// Lays out without painting; hit tests answer for the last layout.
    const HeatmapLayout& layout(const QRectF& rect, const FigureStyle& style);
    std::optional<GridSlices::Place> cell_at(QPointF point) const;
    QRectF cell_rect(std::size_t row, std::size_t col, std::size_t panel = 0) const;
    /// "layer 3, position ·John: 0.412 logit difference", for tooltips, status bar and screen readers.
    QString describe(const GridSlices::Place& place) const;

  private:
    struct Frame;  // one paint
    void read_grid();
    GridWindow whole() const { return {0, slices_->rows(), 0, slices_->cols()}; }
    void place_values(const FigureStyle& style);
    void paint_cells(const Frame& frame, std::size_t panel);
    QImage cell_image(std::size_t panel, const QColor& background) const;
    /// Below the threshold of the options: computed, but left blank.
    bool blank(std::size_t flat) const;
    void paint_signs(const Frame& frame, std::size_t panel);
    void paint_blanks(const Frame& frame, std::size_t panel);
    void paint_image(const Frame& frame, std::size_t panel);
    void paint_frame(const Frame& frame, const QRectF& box);
    void paint_bar(const Frame& frame);
    void paint_keys(const Frame& frame);
    bool uncertain(std::size_t flat) const;

    std::shared_ptr<const Grid> grid_;
    SceneOptions options_;
    std::optional<GridSlices> slices_;
    HeatmapContent content_;
    HeatmapLayout layout_;
    QRectF laid_out_for_;
    std::optional<FigureStyle> laid_out_style_;
    std::vector<QImage> images_;  // of panels too large for rectangles, in the size last painted
};

}  // namespace microtome
