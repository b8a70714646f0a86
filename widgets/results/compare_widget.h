// Several runs of one quantity and their difference: side by side, or one of them large. The runs share their colours.
#pragma once

#include <QButtonGroup>
#include <QSplitter>

#include "widgets/results/grid_widget.h"

class QHBoxLayout;

namespace microtome {

class CompareWidget : public ViewWidget {
    Q_OBJECT
  public:
    CompareWidget(SelectionModel& selection, QWidget* parent = nullptr);

    /// Grids `NAME`, whose first axis is `run`, and `NAME_difference` right after it.
    static bool belong_together(const NamedView& runs, const NamedView& difference);
    /// To be set before `show_view` gets the runs.
    void set_difference(std::shared_ptr<const NamedView> difference) { difference_view_ = std::move(difference); }
    void show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) override;
    /// What is in front; of all side by side the runs, unless the difference has the focus.
    NamedView shown() const override { return front()->shown(); }
    QWidget* focus_part() override { return front()->focus_part(); }
    MatrixPanel* panel() const override { return front()->panel(); }
    void adapt(SceneOptions& scene) const override { front()->adapt(scene); }

    /// 0: all side by side; then each run; last the difference.
    void choose(int segment);
    int segment() const { return segments_->checkedId(); }
    QButtonGroup* segments() const { return segments_; }
    GridWidget* runs() const { return runs_; }
    GridWidget* difference() const { return difference_; }

  protected:
    /// 1 to 9 choose a segment, [ and ] the one before and after.
    void keyPressEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void make_segments(const Axis& runs);
    void show_segment();
    GridWidget* front() const;

    SelectionModel& selection_;
    std::shared_ptr<const NamedView> view_, difference_view_;
    SceneOptions scene_;
    NodeRef fixed_;
    std::vector<int> positions_;
    std::vector<std::string> names_;  // of the runs
    QButtonGroup* segments_;
    QHBoxLayout* row_;
    QSplitter* split_;
    GridWidget *runs_, *difference_;
};

}  // namespace microtome
