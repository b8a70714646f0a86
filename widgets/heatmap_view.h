// A grid on screen: the figures' heat map, with a current cell, hover, keys, and a zoom in whole cells.
#pragma once

#include <QPixmap>
#include <functional>
#include <memory>

#include "widgets/figures/heatmap_scene.h"
#include "widgets/table_canvas.h"

namespace microtome {

class HeatmapView : public TableCanvas {
    Q_OBJECT
  public:
    using Describe = std::function<QString(std::size_t flat)>;

    explicit HeatmapView(QWidget* parent = nullptr);
    ~HeatmapView() override;

    /// Keeps the current cell if the axes stay as they were. A null grid shows the message alone.
    void set_grid(std::shared_ptr<const Grid> grid, const SceneOptions& options);
    /// Cells that are outlined because another view, or another panel of this one, shows the same place: hovered, selected.
    void set_echoes(std::vector<CellIndex> hovered, std::vector<CellIndex> selected);
    const std::vector<CellIndex>& hovered_echoes() const { return hovered_echoes_; }
    const std::vector<CellIndex>& selected_echoes() const { return selected_echoes_; }
    /// Shown in place of a missing grid.
    void set_message(const QString& text);
    const QString& message() const { return message_; }
    /// The text of tooltips and screen readers; default: the scene's own.
    void set_describe(Describe describe) { describe_ = std::move(describe); }

    const Grid* grid() const { return scene_ ? &scene_->grid() : nullptr; }
    HeatmapScene* scene() const { return scene_.get(); }
    std::size_t flat(CellIndex cell) const;
    CellIndex cell_of_flat(std::size_t flat) const;

    int rows() const override;
    int columns() const override;
    QString cell_text(CellIndex cell) const override;
    QString row_title(int row) const override;
    QString column_title(int column) const override;
    QRectF cell_rect(CellIndex cell) const override;
    CellIndex cell_at(QPointF point) const override;

    /// More than 1 shows fewer cells. The cell `around` (default: the current one) keeps its place.
    void zoom(double factor, CellIndex around = {});
    void zoom_to_all();
    bool zoomed() const;
    /// Moves the visible part by whole cells.
    void pan(int rows, int columns);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void reveal(CellIndex cell) override;

  private:
    struct Drag {
        QPointF from;
        GridWindow window;
        bool moved = false;
    };
    void show_window(const GridWindow& window);
    SceneOptions shown_options() const;
    GridSlices::Place place(CellIndex cell) const;
    void redraw();
    void outline(QPainter& painter, CellIndex cell, const QColor& color, double width) const;

    std::unique_ptr<HeatmapScene> scene_;
    SceneOptions options_;
    std::optional<Drag> drag_;
    std::vector<CellIndex> hovered_echoes_, selected_echoes_;
    double wheel_ = 0;  // turned so far, in steps
    Describe describe_;
    QString message_;
    QPixmap picture_;  // the scene as last painted; hover and current cell are drawn over it
};

}  // namespace microtome
