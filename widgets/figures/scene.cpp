#include "widgets/figures/scene.h"

#include "core/base/error.h"
#include "widgets/figures/heatmap_scene.h"

namespace microtome {

std::unique_ptr<PlotScene> make_scene(std::shared_ptr<const NamedView> view, const SceneOptions& options) {
    SceneOptions named = options;
    if (named.title.empty()) named.title = axis_title(view->name).toStdString();
    if (named.caption.empty()) named.caption = view->help;
    if (const auto* grid = std::get_if<Grid>(&view->view))
        return std::make_unique<HeatmapScene>(std::shared_ptr<const Grid>(view, grid), std::move(named));
    throw Error(view->name, "a grid", kind_of(view->view));
}

std::unique_ptr<PlotScene> make_scene(const NamedView& view, const SceneOptions& options) {
    return make_scene(std::make_shared<const NamedView>(view), options);
}

}  // namespace microtome
