// Any view as its figure: curves, scalars, graphs, tokens with values.
#pragma once

#include <QPixmap>

#include "widgets/results/view_widget.h"

namespace microtome {

class SceneWidget : public ViewWidget {
    Q_OBJECT
  public:
    explicit SceneWidget(QWidget* parent = nullptr);

    void show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) override;
    NamedView shown() const override { return view_ ? *view_ : NamedView(); }
    QWidget* focus_part() override { return this; }
    const PlotScene* scene() const { return scene_.get(); }

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    std::shared_ptr<const NamedView> view_;
    std::unique_ptr<PlotScene> scene_;
    QPixmap picture_;
};

}  // namespace microtome
