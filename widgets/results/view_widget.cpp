#include "widgets/results/view_widget.h"

#include "widgets/results/grid_widget.h"
#include "widgets/results/scene_widget.h"
#include "widgets/results/table_widget.h"

namespace microtome {

ViewWidget* ViewWidget::make(const View& view, SelectionModel& selection, QWidget* parent) {
#define RESULT_VIEW(Kind, Widget) \
    if (std::holds_alternative<Kind>(view)) return new Widget(selection, parent);
#include "widgets/results/result_views.inc"
#undef RESULT_VIEW
    return new SceneWidget(parent);
}

}  // namespace microtome
