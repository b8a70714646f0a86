#include "widgets/results/compare_widget.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QVBoxLayout>

#include "widgets/field_form.h"

namespace microtome {
namespace {

const Grid& grid_in(const NamedView& view) {
    return std::get<Grid>(view.view);
}

bool has_runs(const Grid& grid) {
    return grid.axes.size() > 1 && grid.axes.front().name == "run" && grid.axes.front().size() > 0;
}

/// One run's part of the grid.
std::shared_ptr<const NamedView> run_of(const NamedView& all, std::size_t run) {
    const Grid& grid = grid_in(all);
    Grid part = grid;
    part.axes.erase(part.axes.begin());
    const auto cut = [&](const auto& from, auto& into) {
        if (from.empty()) return;
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(run * part.size());
        into.assign(first, first + static_cast<std::ptrdiff_t>(part.size()));
    };
    cut(grid.values, part.values);
    cut(grid.mask, part.mask);
    cut(grid.sem, part.sem);
    cut(grid.texts, part.texts);
    return std::make_shared<const NamedView>(NamedView{all.name + "_" + grid.axes.front().labels[run], all.help, std::move(part)});
}

}  // namespace

CompareWidget::CompareWidget(SelectionModel& selection, QWidget* parent) : ViewWidget(parent), selection_(selection) {
    segments_ = new QButtonGroup(this);
    segments_->setExclusive(true);
    row_ = new QHBoxLayout;
    row_->setSpacing(0);
    row_->addStretch(1);
    runs_ = new GridWidget(selection, this);
    difference_ = new GridWidget(selection, this);
    difference_->panel()->map()->setAccessibleName(tr("Difference"));
    split_ = new QSplitter(Qt::Vertical, this);
    split_->addWidget(runs_);
    split_->addWidget(difference_);
    split_->setChildrenCollapsible(false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(row_);
    layout->addWidget(split_, 1);
    connect(segments_, &QButtonGroup::idToggled, this, [this](int, bool on) {
        if (on) show_segment();
    });
}

bool CompareWidget::belong_together(const NamedView& runs, const NamedView& difference) {
    const auto* grid = std::get_if<Grid>(&runs.view);
    return grid && has_runs(*grid) && std::holds_alternative<Grid>(difference.view) && difference.name == runs.name + "_difference";
}

void CompareWidget::make_segments(const Axis& runs) {
    if (names_ == runs.labels) return;
    names_ = runs.labels;
    const auto old = segments_->buttons();
    for (QAbstractButton* button : old) delete button;
    QStringList titles{tr("Side by side")};
    for (const std::string& name : names_) titles << titled(name);
    titles << tr("Difference");
    for (int id = 0; id < titles.size(); ++id) {
        auto* button = new QToolButton(this);
        button->setText(titles[id]);
        button->setCheckable(true);
        button->setFocusPolicy(Qt::StrongFocus);
        button->setToolTip(tr("%1 (key %2; [ and ] go to the one before and after)").arg(titles[id]).arg(id + 1));
        button->installEventFilter(this);
        segments_->addButton(button, id);
        row_->insertWidget(id, button);
    }
}

void CompareWidget::show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) {
    view_ = view, scene_ = place.scene, fixed_ = place.fixed, positions_ = place.positions;
    const Grid& grid = grid_in(*view);
    // A wide map lies above its difference, so that columns stand below each other; a tall one beside it.
    const bool tall = grid.axes.size() > 2 && grid.axes[1].size() > grid.axes[2].size();
    split_->setOrientation(tall ? Qt::Horizontal : Qt::Vertical);
    const int weight = static_cast<int>(grid.axes.front().size());
    split_->setStretchFactor(0, weight);
    split_->setStretchFactor(1, 1);
    const int before = segment();
    make_segments(grid.axes.front());
    if (difference_view_) difference_->show_view(difference_view_, {selection_, scene_, fixed_, positions_});
    if (before < 0 || before >= segments_->buttons().size())
        choose(0);
    else
        choose(before);
    show_segment();
}

void CompareWidget::choose(int segment) {
    if (QAbstractButton* button = segments_->button(segment)) button->setChecked(true);
}

void CompareWidget::show_segment() {
    if (!view_) return;
    const int chosen = segment(), last = static_cast<int>(names_.size()) + 1;
    runs_->setVisible(chosen < last);
    difference_->setVisible(chosen == 0 || chosen == last);
    if (chosen == last) return;
    const Grid& grid = grid_in(*view_);
    SceneOptions scene = scene_;
    if (chosen > 0) {  // a run alone keeps the colours that it has beside the others
        const Range range = range_of(grid.values, grid.mask, scene.norm, grid.diverging);
        scene.norm = {Norm::Kind::fixed, range.low, range.high};
    }
    runs_->show_view(chosen > 0 ? run_of(*view_, static_cast<std::size_t>(chosen - 1)) : view_, {selection_, scene, fixed_, positions_});
}

GridWidget* CompareWidget::front() const {
    const bool only = segment() == static_cast<int>(names_.size()) + 1;
    return only || (segment() == 0 && difference_->isAncestorOf(QApplication::focusWidget())) ? difference_ : runs_;
}

// Arrows on a segment move the choice, and the focus with it.
bool CompareWidget::eventFilter(QObject* watched, QEvent* event) {
    const int key = event->type() == QEvent::KeyPress ? static_cast<QKeyEvent*>(event)->key() : 0;
    if (key != Qt::Key_Left && key != Qt::Key_Right) return ViewWidget::eventFilter(watched, event);
    const int count = static_cast<int>(segments_->buttons().size());
    choose((segment() + (key == Qt::Key_Left ? count - 1 : 1)) % count);
    segments_->button(segment())->setFocus(Qt::TabFocusReason);
    return true;
}

void CompareWidget::keyPressEvent(QKeyEvent* event) {
    const int count = static_cast<int>(segments_->buttons().size()), key = event->key();
    if (event->modifiers() & (Qt::ControlModifier | Qt::AltModifier) || count == 0) return ViewWidget::keyPressEvent(event);
    if (key >= Qt::Key_1 && key < Qt::Key_1 + count) return choose(key - Qt::Key_1);
    if (key == Qt::Key_BracketLeft) return choose((segment() + count - 1) % count);
    if (key == Qt::Key_BracketRight) return choose((segment() + 1) % count);
    ViewWidget::keyPressEvent(event);
}

}  // namespace microtome
