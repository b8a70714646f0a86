#include "widgets/figures/scene.h"

#include <QFontMetricsF>
#include <algorithm>

#include "widgets/figures/curve_scene.h"
#include "widgets/figures/graph_scene.h"
#include "widgets/figures/heatmap_scene.h"
#include "widgets/figures/table_scene.h"
#include "widgets/figures/token_scene.h"

namespace microtome {
namespace {

/// One number, large, with its unit.
class ScalarScene : public PlotScene {
  public:
    ScalarScene(const Scalar& scalar, SceneOptions options) : scalar_(scalar), options_(std::move(options)) {}

    QSizeF preferred_size(const FigureStyle& style, double width = 0) override {
        double across = width > 0 ? width : style.em(30);
        return {across, SceneFrame(options_, QRectF(0, 0, across, 1e4), style).around + style.em(3)};
    }

    void paint(QPainter& painter, QRectF rect, const FigureStyle& style) override {
        begin_scene(painter, rect, style);
        SceneFrame frame(options_, rect, style);
        texts_ = std::move(frame.texts);
        QFont font = style.font(1.8), small = style.font();
        QString number = number_text(scalar_.value);
        double x = frame.body.left(), y = frame.body.top(), width = std::min(text_width(number, font) + 0.5, frame.body.width());
        // On one baseline.
        double drop = QFontMetricsF(font).ascent() - QFontMetricsF(small).ascent(), after = x + width + style.em(0.5);
        place(texts_, number, font, style.ink, {x, y, width, text_height(font)}, Qt::AlignLeft);
        if (frame.body.right() > after)
            place(texts_, QString::fromStdString(scalar_.unit), small, style.ink,
                  {after, y + drop, frame.body.right() - after, text_height(small)}, Qt::AlignLeft);
        for (const PlacedText& text : texts_) draw(painter, text, style);
        painter.restore();
    }

    const std::vector<PlacedText>& texts() const override { return texts_; }

  private:
    Scalar scalar_;
    SceneOptions options_;
    std::vector<PlacedText> texts_;
};

}  // namespace

std::unique_ptr<PlotScene> make_scene(std::shared_ptr<const NamedView> view, const SceneOptions& options) {
    SceneOptions o = options;
    if (o.title.empty()) o.title = axis_title(view->name).toStdString();
    if (o.caption.empty()) o.caption = view->help;
    auto part = [&view](const auto* of) { return std::shared_ptr<const std::remove_cvref_t<decltype(*of)>>(view, of); };
    if (const auto* v = std::get_if<Grid>(&view->view)) return std::make_unique<HeatmapScene>(part(v), std::move(o));
    if (const auto* v = std::get_if<Curve>(&view->view)) return std::make_unique<CurveScene>(part(v), std::move(o));
    if (const auto* v = std::get_if<Table>(&view->view)) return std::make_unique<TableScene>(part(v), std::move(o));
    if (const auto* v = std::get_if<TokenText>(&view->view)) return std::make_unique<TokenTextScene>(part(v), std::move(o));
    if (const auto* v = std::get_if<Graph>(&view->view)) return std::make_unique<GraphScene>(part(v), std::move(o));
    return std::make_unique<ScalarScene>(std::get<Scalar>(view->view), std::move(o));
}

std::unique_ptr<PlotScene> make_scene(const NamedView& view, const SceneOptions& options) {
    return make_scene(std::make_shared<const NamedView>(view), options);
}

}  // namespace microtome
