// Heat maps that the tests paint into images.
#pragma once

#include <QImage>

#include "tests/unit/figures/grids.h"
#include "widgets/figures/heatmap_scene.h"

namespace microtome {

inline HeatmapScene scene_of(Grid grid, SceneOptions options = {}) {
    options.title = options.title.empty() ? "Effect of patching" : options.title;
    options.caption = "a model · 9f3a1c · raw · float32 · a caption that is long enough to need another line in a narrow figure";
    return {std::make_shared<const Grid>(std::move(grid)), std::move(options)};
}

inline QImage grab(PlotScene& scene, QSize size, const FigureStyle& style, double ratio = 1) {
    QImage image(size * ratio, QImage::Format_RGB32);
    image.setDevicePixelRatio(ratio);
    image.fill(Qt::magenta);
    QPainter painter(&image);
    scene.paint(painter, QRectF(QPointF(), QSizeF(size)), style);
    return image;
}

inline QRgb at(const QImage& image, QPointF point) {
    return image.pixel((point * image.devicePixelRatio()).toPoint()) | 0xff000000;
}

}  // namespace microtome
