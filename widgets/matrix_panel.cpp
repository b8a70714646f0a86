#include "widgets/matrix_panel.h"

#include <QHeaderView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/grid_node.h"

namespace microtome {

MatrixPanel::MatrixPanel(SelectionModel& selection, const QString& name, QWidget* parent) : QWidget(parent), selection_(selection) {
    map_ = new HeatmapView(this);
    map_->setAccessibleName(name);
    model_ = new GridTableModel(this);
    table_ = new QTableView(this);
    table_->setAccessibleName(name + tr(", as a table"));
    table_->setModel(model_);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setFrameShape(QFrame::NoFrame);
    table_->horizontalHeader()->setDefaultSectionSize(fontMetrics().averageCharWidth() * 12);
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 3 / 2);
    stack_ = new QStackedWidget(this);
    stack_->addWidget(map_);
    stack_->addWidget(table_);
    readout_ = new QLabel(this);
    readout_->setTextFormat(Qt::PlainText);
    readout_->setMinimumWidth(1);  // never widens its dock
    readout_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    readout_->setAccessibleName(name + tr(", value"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(fontMetrics().height() / 3);
    layout->addWidget(stack_, 1);
    layout->addWidget(readout_);
    link_map();
    link_table();
}

void MatrixPanel::link_map() {
    const auto place = [this](int row, int column) { return node(map_->flat({row, column})); };
    connect(map_, &TableCanvas::chosen, this, [this, place](int row, int column) {
        show_readout({row, column});
        selection_.select(place(row, column), map_);
    });
    connect(map_, &TableCanvas::pin_requested, this, [this, place](int row, int column) { selection_.toggle_pin(place(row, column)); });
    connect(map_, &TableCanvas::hovered, this, [this, place](int row, int column) {
        const CellIndex cell{row, column};
        show_readout(cell.valid() ? cell : map_->current_cell());
        selection_.set_hover(cell.valid() ? place(row, column) : NodeRef(), map_);
    });
    connect(&selection_, &SelectionModel::current_changed, this, [this](const NodeRef& ref, const void* origin) {
        if (origin != map_) follow(ref);
    });
}

void MatrixPanel::link_table() {
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        if (index.isValid() && table_->hasFocus()) selection_.select(node(model_->flat(index)), table_);
    });
}

NodeRef MatrixPanel::node(std::size_t flat) const {
    NodeRef ref = node_of(*map_->grid(), flat);
    if (ref.position >= 0 && !positions_.empty())
        ref.position = ref.position < static_cast<int>(positions_.size()) ? positions_[static_cast<std::size_t>(ref.position)] : -1;
    return merged(fixed_, ref);
}

void MatrixPanel::set_grid(std::shared_ptr<const Grid> grid, const SceneOptions& options, const NodeRef& fixed,
                           const std::vector<int>& positions) {
    fixed_ = fixed;
    positions_ = positions;
    model_->set_grid(grid);
    map_->set_grid(std::move(grid), options);
    follow(selection_.current());
}

void MatrixPanel::follow(const NodeRef& current) {
    NodeRef here = current;
    if (!positions_.empty() && current.position >= 0) {
        const auto found = std::find(positions_.begin(), positions_.end(), current.position);
        here.position = found == positions_.end() ? -1 : static_cast<int>(found - positions_.begin());
    }
    const auto flat = map_->grid() ? cell_of(*map_->grid(), here) : std::nullopt;
    map_->show_current(flat ? map_->cell_of_flat(*flat) : CellIndex{});
    const QModelIndex index = flat ? model_->index_of(*flat) : QModelIndex();
    if (index.isValid() && !table_->hasFocus()) table_->setCurrentIndex(index);
    show_readout(map_->current_cell());
}

void MatrixPanel::show_table(bool on) {
    stack_->setCurrentWidget(on ? static_cast<QWidget*>(table_) : map_);
}

void MatrixPanel::set_idle_text(const QString& text) {
    idle_ = text;
    show_readout(map_->current_cell());
}

void MatrixPanel::show_readout(CellIndex cell) {
    readout_->setText(cell.valid() ? map_->cell_text(cell) : idle_);
}

}  // namespace microtome
