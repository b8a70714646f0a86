#include "widgets/results/grid_widget.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QSplitter>
#include <QVBoxLayout>
#include <cmath>

#include "widgets/combo_width.h"
#include "widgets/results/ranking.h"
#include "widgets/row_table.h"

namespace microtome {
namespace {

constexpr std::size_t most_ranked = 50;

/// The view's grid, sharing its memory.
std::shared_ptr<const Grid> grid_of(const std::shared_ptr<const NamedView>& view) {
    return {view, &std::get<Grid>(view->view)};
}

}  // namespace

GridWidget::GridWidget(SelectionModel& selection, QWidget* parent) : ViewWidget(parent), selection_(selection) {
    panel_ = new MatrixPanel(selection, tr("Map"), this);
    panel_->map()->set_describe([this](std::size_t flat) {
        HeatmapScene& scene = *panel_->map()->scene();
        return scene.describe(scene.slices().place(flat)) + spread_text(spread_, flat);
    });
    side_ = make_side();
    auto* split = new QSplitter(Qt::Horizontal, this);
    split->addWidget(panel_);
    split->addWidget(side_);
    split->setStretchFactor(0, 3);
    split->setStretchFactor(1, 1);
    split->setChildrenCollapsible(false);
    toggle_ = new QToolButton(this);
    toggle_->setText(tr("Ranking"));
    toggle_->setCheckable(true);
    toggle_->setToolTip(tr("The strongest cells, or the means along an axis, beside the map"));
    threshold_ = new QDoubleSpinBox(this);
    threshold_->setPrefix(tr("|value| ≥ "));
    threshold_->setDecimals(3);
    threshold_->setRange(0, 1e9);
    threshold_->setKeyboardTracking(false);
    threshold_->setToolTip(tr("Cells below this are left blank, with a dot; they are computed, unlike hatched ones"));
    threshold_->setAccessibleName(tr("Threshold"));
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(threshold_);
    row->addWidget(toggle_);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(row);
    layout->addWidget(split, 1);
    side_->hide();
    connect(toggle_, &QToolButton::toggled, side_, &QWidget::setVisible);
    connect(threshold_, &QDoubleSpinBox::valueChanged, this, [this] {
        if (view_) show_grid();
    });
}

QWidget* GridWidget::make_side() {
    auto* side = new QWidget(this);
    of_ = new QComboBox(side);
    of_->setAccessibleName(tr("What is ranked"));
    keep_choice_fitted(of_);
    model_ = new TableModel(side);
    ranking_ = new QTableView(side);
    ranking_->setAccessibleName(tr("Ranking"));
    ranking_->setModel(model_);
    style_rows(ranking_);
    ranking_->horizontalHeader()->setStretchLastSection(true);
    side->setMinimumWidth(fontMetrics().height() * 14);
    auto* layout = new QVBoxLayout(side);
    layout->setContentsMargins(fontMetrics().height() / 2, 0, 0, 0);
    layout->addWidget(of_);
    layout->addWidget(ranking_, 1);
    connect(of_, &QComboBox::currentIndexChanged, this, [this] {
        if (view_) show_ranking();
    });
    connect(ranking_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& index) {
        if (!index.isValid() || of_->currentIndex() != 0) return;
        const Grid& grid = std::get<Grid>(view_->view);
        selection_.select(panel_->node(strongest_cell(grid, most_ranked, threshold(), static_cast<std::size_t>(index.row()))), ranking_);
    });
    return side;
}

void GridWidget::show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) {
    view_ = view, scene_ = place.scene, fixed_ = place.fixed, positions_ = place.positions, spread_ = place.spread;
    const Grid& grid = std::get<Grid>(view->view);
    QStringList names{tr("Strongest cells")};
    for (const Axis& axis : grid.axes) names << tr("Mean by %1").arg(QString::fromStdString(axis.name));
    QStringList now;
    for (int i = 0; i < of_->count(); ++i) now << of_->itemText(i);
    if (now != names) {
        const QSignalBlocker quiet(of_);
        of_->clear();
        of_->addItems(names);
        fit_choice(of_);
    }
    double largest = 0;
    for (std::size_t i = 0; i < grid.size(); ++i)
        if (grid.computed(i) && std::isfinite(grid.values[i])) largest = std::max(largest, std::abs(grid.values[i]));
    threshold_->setSingleStep(largest > 0 ? std::pow(10, std::floor(std::log10(largest)) - 1) : 0.1);
    panel_->map()->setAccessibleDescription(QString::fromStdString(view->help));
    show_grid();
}

void GridWidget::show_grid() {
    SceneOptions scene = scene_;
    scene.blank_below = threshold();
    panel_->set_grid(grid_of(view_), scene, fixed_, positions_, spread_);
    show_ranking();
}

void GridWidget::show_ranking() {
    const Grid& grid = std::get<Grid>(view_->view);
    const QSignalBlocker quiet(ranking_->selectionModel());
    const int of = of_->currentIndex();
    model_->set_table(of <= 0 ? strongest_cells(grid, most_ranked, threshold(), spread_.get())
                              : marginal(grid, static_cast<std::size_t>(of - 1)));
    ranking_->resizeColumnsToContents();
    ranking_->horizontalHeader()->setStretchLastSection(true);
}

}  // namespace microtome
