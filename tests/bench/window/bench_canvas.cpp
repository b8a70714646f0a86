// What a hover costs: the median time of render() of a canvas into an image of 1600 × 1000, the hovered cell moving each time.
#include <QApplication>
#include <QElapsedTimer>
#include <QImage>
#include <QMouseEvent>
#include <QTextStream>
#include <algorithm>
#include <cmath>

#include "widgets/heatmap_view.h"
#include "widgets/theme.h"

using namespace microtome;

namespace {

constexpr int frames = 50;
constexpr double target_ms = 16;  // 60 frames a second

std::shared_ptr<const Grid> grid(const char* rows, int n_rows, const char* columns, int n_columns) {
    auto made = std::make_shared<Grid>();
    made->axes = {{rows, {}}, {columns, {}}};
    for (int i = 0; i < n_rows; ++i) made->axes[0].labels.push_back("w" + std::to_string(i));
    for (int i = 0; i < n_columns; ++i) made->axes[1].labels.push_back("w" + std::to_string(i));
    for (int i = 0; i < n_rows * n_columns; ++i) made->values.push_back(std::sin(i * 0.37));
    return made;
}

void hover(HeatmapView& view, QPointF at) {
    QMouseEvent event(QEvent::MouseMove, at, view.mapToGlobal(at), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
    QApplication::sendEvent(&view, &event);
}

/// Milliseconds: the first frame, and the median of those that follow a hover.
std::pair<double, double> measure(const std::shared_ptr<const Grid>& grid) {
    HeatmapView view;
    view.resize(1600, 1000);
    QImage image(view.size(), QImage::Format_ARGB32_Premultiplied);
    QElapsedTimer clock;
    clock.start();
    view.set_grid(grid, {});
    view.render(&image);
    const double first = static_cast<double>(clock.nsecsElapsed()) / 1e6;
    std::vector<double> times;
    for (int i = 0; i < frames; ++i) {
        clock.start();
        hover(view, view.cell_rect({(i * 7) % view.rows(), (i * 13) % view.columns()}).center());
        view.render(&image);
        times.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    }
    std::nth_element(times.begin(), times.begin() + frames / 2, times.end());
    return {first, times[frames / 2]};
}

}  // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    QApplication app(argc, argv);
    apply_theme(app, false);
    QTextStream out(stdout);
    const std::pair<const char*, std::shared_ptr<const Grid>> cases[] = {
        {"map of 12 layers x 15 positions", grid("layer", 12, "position", 15)},
        {"map of 48 layers x 100 positions", grid("layer", 48, "position", 100)},
        {"pattern of 1024 x 1024 tokens", grid("destination", 1024, "source", 1024)},
    };
    bool kept = true;
    for (const auto& [name, values] : cases) {
        const auto [first, median] = measure(values);
        kept = kept && median <= target_ms;
        out << QStringLiteral("%1: first frame %2 ms, hover %3 ms (target %4 ms)\n")
                   .arg(QLatin1String(name))
                   .arg(first, 0, 'f', 1)
                   .arg(median, 0, 'f', 2)
                   .arg(target_ms);
    }
    return kept ? 0 : 1;
}
