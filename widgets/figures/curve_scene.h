// Lines over a shared x with a band of one standard error; each series has a colour and a marker, dashes after eight.
#pragma once

#include "widgets/figures/frame.h"

namespace microtome {

class CurveScene : public PlotScene {
  public:
    CurveScene(std::shared_ptr<const Curve> curve, SceneOptions options);

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override;
    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override;
    const std::vector<PlacedText>& texts() const override { return texts_; }

    struct Point {
        std::size_t series = 0, index = 0;
    };
    /// The nearest point of the last layout within `reach`.
    std::optional<Point> point_at(QPointF where, double reach) const;
    QPointF position(const Point& point) const;
    /// "name, layer 3: 0.41 ± 0.02 logit difference".
    QString describe(const Point& point) const;
    QRectF plot() const { return plot_; }

  private:
    void layout(const QRectF& rect, const FigureStyle& style);
    void place_axes(const QRectF& body, const FigureStyle& style);
    double place_legend(const QRectF& body, const FigureStyle& style);
    void paint_axes(QPainter& painter, const FigureStyle& style);
    void paint_series(QPainter& painter, std::size_t i, const FigureStyle& style);
    double value(std::size_t series, std::size_t index) const;
    double error(std::size_t series, std::size_t index) const;

    struct Key {
        std::size_t series;
        QPointF start;
    };
    std::shared_ptr<const Curve> curve_;
    SceneOptions options_;
    Range x_range_, y_range_;
    bool whole_x_ = false;  // x counts something: no ticks between integers
    Ticks x_ticks_, y_ticks_;
    QRectF plot_;
    std::vector<Key> keys_;
    std::vector<PlacedText> texts_;
};

}  // namespace microtome
