// The patching map: the sweep's form, the heat map that fills as cells come in, and what it was computed from.
#pragma once

#include <QLabel>
#include <QProgressBar>
#include <QWidget>

#include "widgets/matrix_panel.h"
#include "widgets/notice_label.h"
#include "widgets/sweep_form.h"

namespace microtome {

class PatchingView : public QWidget {
    Q_OBJECT
  public:
    explicit PatchingView(Workspace& workspace, QWidget* parent = nullptr);

    SweepForm* form() const { return form_; }
    MatrixPanel* panel() const { return panel_; }
    HeatmapView* map() const { return panel_->map(); }
    QString notice() const { return notice_->text(); }
    /// The map shown, complete or growing; nullptr if there is none.
    const NamedView* shown() const { return workspace_.patching().view("effect"); }
    /// For the figure in a file: title and caption say what was computed.
    SceneOptions scene_options() const;
    /// "L3 H1 · pos 14 ' tom' · recovery 0.412 [0.38, 0.44] (95 %), n 40 (logit difference 1.83; clean 3.55, corrupted −1.02)".
    QString describe(std::size_t flat) const;
    /// Model, numerics, method: what the numbers are.
    QString provenance() const;

  private:
    void show_result();
    void show_notice();
    /// After a complete sweep, if no cell of the map is selected: the one with the largest effect.
    void select_strongest();
    std::string param(const char* name) const;
    QString metric_text() const;  // the metric's name, or the expression measured instead
    /// The tokens that the map's positions stand for, where the sweep was limited to some (-1: several tokens or none).
    std::vector<int> shown_positions(const Grid& grid) const;
    /// The token of each role that an axis counts (-1: several, or none here); empty if the axis counts positions.
    std::vector<int> role_tokens(const Axis& axis) const;
    /// "role IO" for each axis of the map that counts roles.
    QString roles_text(const Grid& grid, std::size_t flat) const;

    Workspace& workspace_;
    SweepForm* form_;
    MatrixPanel* panel_;
    std::shared_ptr<const Spread> spread_;
    QLabel* provenance_;
    NoticeLabel* notice_;
    QProgressBar* progress_;
};

}  // namespace microtome
