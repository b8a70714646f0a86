// One widget for each kind of result view: whatever an analysis returns can be shown.
#pragma once

#include <QWidget>
#include <memory>
#include <vector>

#include "analyses/views/result.h"
#include "widgets/figures/scene.h"
#include "widgets/selection.h"
#include "widgets/spread.h"

namespace microtome {

/// What a view is shown with.
struct ViewPlace {
    SelectionModel& selection;
    SceneOptions scene{};
    NodeRef fixed{};                         // what all cells have in common
    std::vector<int> positions{};            // the token that each index of a position axis stands for; empty: the index itself
    std::shared_ptr<const Spread> spread{};  // of the view's cells; null: none
};

class MatrixPanel;

class ViewWidget : public QWidget {
    Q_OBJECT
  public:
    using QWidget::QWidget;
    /// A view of the kind that this widget was made for.
    virtual void show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) = 0;
    /// The view as it is shown (sorted as on screen), for export.
    virtual NamedView shown() const = 0;
    /// The part that takes the keyboard.
    virtual QWidget* focus_part() = 0;

    /// The matrix that zoom, sync and copying act on; null if there is none.
    virtual MatrixPanel* panel() const { return nullptr; }
    /// What the screen does beyond the defaults, for export.
    virtual void adapt(SceneOptions&) const {}

    /// For a view of this kind (result_views.inc); never null.
    static ViewWidget* make(const View& view, SelectionModel& selection, QWidget* parent);
};

}  // namespace microtome
