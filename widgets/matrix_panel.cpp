#include "widgets/matrix_panel.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/grid_node.h"

namespace microtome {
namespace {

/// A pin belongs into a view if nothing that the view's cells have in common contradicts it: a pin of head 3 is not in head 2's matrix.
bool agrees(const NodeRef& pin, const NodeRef& fixed) {
    const auto same = [](int a, int b) { return a < 0 || b < 0 || a == b; };
    return (pin.site.empty() || fixed.site.empty() || pin.site == fixed.site) && same(pin.layer, fixed.layer) &&
           same(pin.head, fixed.head) && (pin.side == Side::none || fixed.side == Side::none || pin.side == fixed.side);
}

}  // namespace

MatrixPanel::MatrixPanel(SelectionModel& selection, const QString& name, QWidget* parent) : QWidget(parent), selection_(selection) {
    map_ = new HeatmapView(this);
    map_->setAccessibleName(name);
    model_ = new GridTableModel(this);
    table_ = new QTableView(this);
    table_->setAccessibleName(name + tr(", as a table"));
    table_->setModel(model_);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setFrameShape(QFrame::NoFrame);
    table_->horizontalHeader()->setDefaultSectionSize(column_width(false));
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 3 / 2);
    stack_ = new QStackedWidget(this);
    stack_->addWidget(map_);
    stack_->addWidget(table_);
    readout_ = new QLabel(this);
    readout_->setTextFormat(Qt::PlainText);
    readout_->setMinimumWidth(1);  // never widens its dock
    readout_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    readout_->setAccessibleName(name + tr(", value"));
    sync_ = new QToolButton(this);
    auto* below = new QHBoxLayout;
    below->addWidget(readout_, 1);
    below->addWidget(sync_);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(fontMetrics().height() / 3);
    layout->addWidget(stack_, 1);
    layout->addLayout(below);
    link_sync(name);
    link_map();
    link_table();
}

void MatrixPanel::link_map() {
    const auto place = [this](int row, int column) { return node(map_->flat({row, column})); };
    connect(map_, &TableCanvas::chosen, this, [this, place](int row, int column) {
        show_readout({row, column});
        if (synced()) selection_.select(place(row, column), map_);
    });
    connect(map_, &TableCanvas::pin_requested, this, [this, place](int row, int column) { selection_.toggle_pin(place(row, column)); });
    connect(map_, &TableCanvas::hovered, this, [this, place](int row, int column) {
        const CellIndex cell{row, column};
        show_readout(cell.valid() ? cell : map_->current_cell());
        if (synced()) selection_.set_hover(cell.valid() ? place(row, column) : NodeRef(), map_);
    });
    connect(&selection_, &SelectionModel::current_changed, this, [this](const NodeRef& ref, const void* origin) {
        if (origin != map_ && synced()) follow(ref);
    });
    connect(&selection_, &SelectionModel::current_changed, this, &MatrixPanel::show_echoes);
    connect(&selection_, &SelectionModel::hover_changed, this, &MatrixPanel::show_echoes);
    connect(&selection_, &SelectionModel::pins_changed, this, &MatrixPanel::show_pins);
}

void MatrixPanel::link_sync(const QString& name) {
    sync_->setText(tr("Sync"));
    sync_->setCheckable(true);
    sync_->setChecked(true);
    sync_->setAutoRaise(true);
    sync_->setAccessibleName(name + tr(", synced with the selection"));
    const auto tell = [this](bool on) {
        sync_->setToolTip(on ? tr("This view follows the selection of the window; switch off to keep it where it is (Ctrl+L)")
                             : tr("This view stands still; switch on to follow the selection again (Ctrl+L)"));
    };
    tell(true);
    connect(sync_, &QToolButton::toggled, this, [this, tell](bool on) {
        tell(on);
        Q_EMIT synced_changed(on);
        if (on) follow(selection_.current());
        show_echoes();
    });
}

void MatrixPanel::link_table() {
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        if (index.isValid() && table_->hasFocus() && synced()) selection_.select(node(model_->flat(index)), table_);
    });
}

NodeRef MatrixPanel::node(std::size_t flat) const {
    NodeRef ref = node_of(*map_->grid(), flat);
    const auto token = [this](int at) {
        return at < 0 || positions_.empty() ? at : at < static_cast<int>(positions_.size()) ? positions_[static_cast<std::size_t>(at)] : -1;
    };
    ref.position = token(ref.position);
    if (sources_too()) ref.source = token(ref.source);
    return merged(fixed_, ref);
}

void MatrixPanel::set_grid(std::shared_ptr<const Grid> grid, const SceneOptions& options, const NodeRef& fixed,
                           const std::vector<int>& positions, std::shared_ptr<const Spread> spread) {
    fixed_ = fixed;
    positions_ = positions;
    const int width = column_width(spread != nullptr);
    if (table_->horizontalHeader()->defaultSectionSize() != width) table_->horizontalHeader()->setDefaultSectionSize(width);
    model_->set_grid(grid, std::move(spread));
    map_->set_grid(std::move(grid), options);
    if (synced()) follow(selection_.current());
    show_pins();
    show_echoes();
}

/// Positions as the indices of this grid's axes.
NodeRef MatrixPanel::shown_ref(NodeRef ref) const {
    const auto index = [this](int token) {
        const auto found = std::find(positions_.begin(), positions_.end(), token);
        return token < 0 || positions_.empty() ? token : found == positions_.end() ? -1 : static_cast<int>(found - positions_.begin());
    };
    ref.position = index(ref.position);
    if (sources_too()) ref.source = index(ref.source);
    return ref;
}

std::optional<std::size_t> MatrixPanel::flat_of(const NodeRef& ref) const {
    return map_->grid() ? cell_of(*map_->grid(), shown_ref(ref)) : std::nullopt;
}

std::vector<CellIndex> MatrixPanel::cells_at(const NodeRef& ref) const {
    std::vector<CellIndex> cells;
    if (map_->grid() && agrees(ref, fixed_))
        for (std::size_t flat : cells_of(*map_->grid(), shown_ref(ref))) cells.push_back(map_->cell_of_flat(flat));
    return cells;
}

/// What is hovered or selected elsewhere is outlined here; the own hovered and current cells have outlines of their own.
void MatrixPanel::show_echoes() {
    if (!synced()) return map_->set_echoes({}, {});
    const auto but = [](std::vector<CellIndex> cells, CellIndex own) {
        std::erase(cells, own);
        return cells;
    };
    map_->set_echoes(map_->hovering() ? but(cells_at(selection_.hover()), map_->hover_cell()) : cells_at(selection_.hover()),
                     but(cells_at(selection_.current()), map_->current_cell()));
}

bool MatrixPanel::sources_too() const {
    const Grid* grid = map_->grid();
    return grid && std::any_of(grid->axes.begin(), grid->axes.end(),
                               [this](const Axis& axis) { return axis.name == "source" && axis.size() == positions_.size(); });
}

int MatrixPanel::column_width(bool spread) const {
    return fontMetrics().horizontalAdvance(QLatin1Char('0')) * (spread ? 38 : 12);
}

void MatrixPanel::show_pins() {
    std::vector<PinnedCell> cells;
    const SelectionModel::Pins& pins = selection_.pins();
    for (std::size_t slot = 0; slot < pins.size(); ++slot)
        if (pins[slot] && agrees(*pins[slot], fixed_))
            if (const auto flat = flat_of(*pins[slot])) cells.push_back({static_cast<int>(slot), map_->cell_of_flat(*flat)});
    map_->set_pins(std::move(cells));
}

void MatrixPanel::follow(const NodeRef& current) {
    std::optional<std::size_t> flat = flat_of(current);
    const std::vector<CellIndex> cells = cells_at(current);  // of several runs, the one that was looked at stays current
    if (std::find(cells.begin(), cells.end(), map_->current_cell()) != cells.end()) flat = map_->flat(map_->current_cell());
    map_->show_current(flat ? map_->cell_of_flat(*flat) : CellIndex{});
    const QModelIndex index = flat ? model_->index_of(*flat) : QModelIndex();
    if (index.isValid() && !table_->hasFocus()) table_->setCurrentIndex(index);
    show_readout(map_->current_cell());
}

void MatrixPanel::show_table(bool on) {
    if (on == shows_table()) return;
    stack_->setCurrentWidget(on ? static_cast<QWidget*>(table_) : map_);
    Q_EMIT table_shown(on);
}

void MatrixPanel::set_idle_text(const QString& text) {
    idle_ = text;
    show_readout(map_->current_cell());
}

void MatrixPanel::show_readout(CellIndex cell) {
    readout_->setText(cell.valid() ? map_->cell_text(cell) : idle_);
    readout_->setToolTip(readout_->text());  // a narrow window cuts it
}

}  // namespace microtome
