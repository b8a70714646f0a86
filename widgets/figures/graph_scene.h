// A circuit: layers from the bottom to the top, positions from left to right (or nodes side by side where there are none). Width of an edge
// is |score|, its head tells the sign (arrow +, bar −), solid lines were verified by an intervention, dashed ones only attributed.
#pragma once

#include "widgets/figures/frame.h"

namespace microtome {

class GraphScene : public PlotScene {
  public:
    GraphScene(std::shared_ptr<const Graph> graph, SceneOptions options);

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override;
    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override;
    const std::vector<PlacedText>& texts() const override { return texts_; }

    std::optional<std::size_t> node_at(QPointF point) const;
    QRectF node_rect(std::size_t i) const { return i < boxes_.size() ? boxes_[i] : QRectF(); }
    /// Edges that are drawn: the strongest 300, fewer if nodes are missing.
    const std::vector<std::size_t>& drawn_edges() const { return drawn_; }

  private:
    void arrange();
    void layout(const QRectF& rect, const FigureStyle& style);
    QString row_name(std::size_t row) const;
    void paint_edge(QPainter& painter, std::size_t k, const FigureStyle& style);
    void paint_node(QPainter& painter, std::size_t i, const FigureStyle& style);
    void paint_key(QPainter& painter, const QRectF& rect, const FigureStyle& style);

    struct Seat {
        std::size_t row = 0, column = 0, slot = 0, of = 1;  // place among the nodes of the same row and column
    };
    std::shared_ptr<const Graph> graph_;
    SceneOptions options_;
    std::vector<Seat> seats_;
    std::vector<int> levels_;          // of the rows, from the bottom
    std::vector<int> positions_;       // of the columns
    std::vector<std::size_t> widths_;  // most nodes side by side, a column
    std::vector<std::size_t> drawn_;
    std::vector<std::pair<std::size_t, std::size_t>> ends_;  // nodes of drawn_
    double strongest_ = 0;
    std::vector<QRectF> boxes_;
    std::vector<PlacedText> texts_;
};

}  // namespace microtome
