#include "widgets/results/table_widget.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QSortFilterProxyModel>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "widgets/row_table.h"

namespace microtome {
namespace {

/// The field of a place that a column of this name fills.
int* field_of(NodeRef& ref, const std::string& column) {
    if (column == "layer") return &ref.layer;
    if (column == "head") return &ref.head;
    if (column == "position") return &ref.position;
    if (column == "unit" || column == "neuron") return &ref.unit;
    return nullptr;
}

/// A place written out in a column that holds such, "L2.H1", or "head 1" beside a column of layers; empty if the text is none.
NodeRef place_in(const std::string& column, const std::string& text) {
    static const std::vector<std::string> columns{"head", "sender", "earlier", "later", "part", "unit", "neuron"};
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) return {};
    try {
        if (text.starts_with("head ")) return parse_node_ref("H" + text.substr(5));
        return text.starts_with('L') ? parse_node_ref(text) : NodeRef();
    } catch (const Error&) {  // several heads at once, or a name
        return {};
    }
}

bool agree(const NodeRef& row, const NodeRef& at) {
    const auto same = [](int a, int b) { return a < 0 || a == b; };
    return same(row.layer, at.layer) && same(row.head, at.head) && same(row.position, at.position) && same(row.unit, at.unit);
}

}  // namespace

TableWidget::TableWidget(SelectionModel& selection, QWidget* parent)
    : ViewWidget(parent), selection_(selection), model_(new TableModel(this)), sorted_(new QSortFilterProxyModel(this)) {
    sorted_->setSourceModel(model_);
    sorted_->setSortRole(TableModel::sort_role);
    table_ = new QTableView(this);
    table_->setModel(sorted_);
    table_->setSortingEnabled(true);
    style_rows(table_);
    table_->installEventFilter(this);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(table_);
    connect(&selection_, &SelectionModel::current_changed, this, [this](const NodeRef& ref, const void* origin) {
        if (origin != table_) follow(ref);
    });
    connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        const NodeRef ref = index.isValid() ? node(index) : NodeRef();
        if (!ref.empty()) selection_.select(ref, table_);
    });
}

void TableWidget::show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) {
    name_ = view->name, help_ = view->help, fixed_ = place.fixed;
    table_->setAccessibleName(QString::fromStdString(name_));
    table_->setAccessibleDescription(QString::fromStdString(help_));
    {
        const QSignalBlocker quiet(table_->selectionModel());  // a new table selects nothing of its own accord
        const bool first = model_->columnCount() == 0;
        model_->set_table(std::get<Table>(view->view));
        if (first) sorted_->sort(-1), table_->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);  // the analysis' own order
    }
    table_->resizeColumnsToContents();
    const int widest = fontMetrics().averageCharWidth() * 60;
    for (int column = 0; column < model_->columnCount(); ++column)
        if (table_->columnWidth(column) > widest) table_->setColumnWidth(column, widest);
    table_->horizontalHeader()->setStretchLastSection(true);
    follow(selection_.current());
}

std::vector<TableWidget::Place> TableWidget::places(const QModelIndex& index) const {
    std::vector<Place> found;
    NodeRef numbers;
    const auto& row = model_->table().rows[static_cast<std::size_t>(sorted_->mapToSource(index).row())];
    for (std::size_t column = 0; column < row.size(); ++column) {
        const auto* number = std::get_if<std::int64_t>(&row[column]);
        const std::string& name = model_->table().columns[column].name;
        if (int* field = number ? field_of(numbers, name) : nullptr) *field = static_cast<int>(*number);
        if (const auto* text = std::get_if<std::string>(&row[column]))
            if (const NodeRef ref = place_in(name, *text); !ref.empty()) found.push_back({static_cast<int>(column), ref});
    }
    if (found.empty() && !numbers.empty()) found.push_back({0, numbers});
    for (Place& place : found) place.ref = merged(fixed_, merged(numbers, place.ref));
    return found;
}

NodeRef TableWidget::node(const QModelIndex& index) const {
    const std::vector<Place> found = places(index);
    for (const Place& place : found)
        if (place.column == index.column()) return place.ref;
    return found.empty() ? NodeRef() : found.front().ref;
}

void TableWidget::follow(const NodeRef& at) {
    // How closely a row names the place: its layer alone, a head of it …; 0: not at all.
    const auto closeness = [&](int row) {
        std::ptrdiff_t most = 0;
        for (const Place& place : places(sorted_->index(row, 0))) {
            const NodeRef& ref = place.ref;
            const std::array fields{ref.layer, ref.head, ref.position, ref.unit};
            if (agree(ref, at)) most = std::max(most, std::count_if(fields.begin(), fields.end(), [](int field) { return field >= 0; }));
        }
        return most;
    };
    int best = table_->currentIndex().isValid() ? table_->currentIndex().row() : -1;
    std::ptrdiff_t most = best >= 0 ? closeness(best) : 0;
    const int before = best;
    for (int row = 0; row < sorted_->rowCount(); ++row)
        if (const std::ptrdiff_t here = closeness(row); here > most) best = row, most = here;
    if (most == 0 || best == before) return;
    const QSignalBlocker quiet(table_->selectionModel());
    table_->setCurrentIndex(sorted_->index(best, 0));
    table_->viewport()->update();
}

NamedView TableWidget::shown() const {
    Table table;
    table.columns = model_->table().columns;
    for (int row = 0; row < sorted_->rowCount(); ++row)
        table.rows.push_back(model_->table().rows[static_cast<std::size_t>(sorted_->mapToSource(sorted_->index(row, 0)).row())]);
    return {name_, help_, table};
}

bool TableWidget::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_ && event->type() == QEvent::KeyPress && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Space) {
        const NodeRef ref = table_->currentIndex().isValid() ? node(table_->currentIndex()) : NodeRef();
        if (!ref.empty()) selection_.toggle_pin(ref);
        return true;
    }
    return ViewWidget::eventFilter(watched, event);
}

}  // namespace microtome
