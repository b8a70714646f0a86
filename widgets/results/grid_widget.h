// A grid as a heat map, with what stands out in it beside: the strongest cells, or the means along an axis, above a threshold.
#pragma once

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QTableView>
#include <QToolButton>

#include "widgets/matrix_panel.h"
#include "widgets/results/view_widget.h"
#include "widgets/table_model.h"

namespace microtome {

class GridWidget : public ViewWidget {
    Q_OBJECT
  public:
    GridWidget(SelectionModel& selection, QWidget* parent = nullptr);

    void show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) override;
    NamedView shown() const override { return view_ ? *view_ : NamedView(); }
    QWidget* focus_part() override { return panel_->map(); }
    MatrixPanel* panel() const override { return panel_; }
    /// Figures in files leave out below the threshold what the screen does, in the same range of colours.
    void adapt(SceneOptions& scene) const override { scene.blank_below = threshold(), scene.norm = scene_.norm; }
    QTableView* ranking() const { return ranking_; }
    QComboBox* ranking_box() const { return of_; }
    QDoubleSpinBox* threshold_box() const { return threshold_; }
    QToolButton* ranking_button() const { return toggle_; }
    double threshold() const { return threshold_->value(); }

  private:
    QWidget* make_side();
    void show_grid();
    void show_ranking();

    SelectionModel& selection_;
    std::shared_ptr<const NamedView> view_;
    SceneOptions scene_;
    NodeRef fixed_;
    std::vector<int> positions_;
    std::shared_ptr<const Spread> spread_;
    MatrixPanel* panel_;
    QToolButton* toggle_;
    QComboBox* of_;
    QDoubleSpinBox* threshold_;
    QTableView* ranking_;
    TableModel* model_;
    QWidget* side_;
};

}  // namespace microtome
