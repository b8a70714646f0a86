#include "widgets/results/scene_widget.h"

#include <QEvent>
#include <QPainter>
#include <QResizeEvent>

#include "widgets/theme.h"

namespace microtome {

SceneWidget::SceneWidget(QWidget* parent) : ViewWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    const int em = fontMetrics().height();
    setMinimumSize(em * 14, em * 8);
}

void SceneWidget::show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) {
    view_ = view;
    scene_ = make_scene(view, place.scene);
    picture_ = {};
    setAccessibleName(QString::fromStdString(view->name));
    setAccessibleDescription(QString::fromStdString(view->help));
    setToolTip(QString::fromStdString(view->help));
    update();
}

void SceneWidget::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    if (!scene_) {
        painter.fillRect(rect(), Theme::of(palette()).base);
        return;
    }
    if (picture_.isNull()) {
        picture_ = QPixmap(size() * devicePixelRatioF());
        picture_.setDevicePixelRatio(devicePixelRatioF());
        const FigureStyle style = screen_style(*this);
        picture_.fill(style.background);
        QPainter into(&picture_);
        const double margin = style.em(0.8);
        scene_->paint(into, QRectF(rect()).adjusted(margin, margin, -margin, -margin), style);
    }
    painter.drawPixmap(0, 0, picture_);
}

void SceneWidget::resizeEvent(QResizeEvent*) {
    picture_ = {};
}

void SceneWidget::changeEvent(QEvent* event) {
    ViewWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange && event->type() != QEvent::FontChange) return;
    picture_ = {};
    update();
}

}  // namespace microtome
