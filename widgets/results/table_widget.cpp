#include "widgets/results/table_widget.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QSortFilterProxyModel>
#include <QVBoxLayout>

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
    connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& index) {
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

NodeRef TableWidget::node(const QModelIndex& index) const {
    NodeRef ref;
    const int row = sorted_->mapToSource(index).row();
    const Table& table = model_->table();
    bool any = false;
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
        int* field = field_of(ref, table.columns[column].name);
        const Cell& cell = table.rows[static_cast<std::size_t>(row)][column];
        if (!field || !std::holds_alternative<std::int64_t>(cell)) continue;
        *field = static_cast<int>(std::get<std::int64_t>(cell));
        any = true;
    }
    return any ? merged(fixed_, ref) : NodeRef();
}

void TableWidget::follow(const NodeRef& at) {
    const auto agrees = [](int a, int b) { return a < 0 || a == b; };
    for (int row = 0; row < sorted_->rowCount(); ++row) {
        const NodeRef ref = node(sorted_->index(row, 0));
        if (ref.empty()) break;
        if (!agrees(ref.layer, at.layer) || !agrees(ref.head, at.head) || !agrees(ref.position, at.position) || !agrees(ref.unit, at.unit))
            continue;
        if (table_->currentIndex().row() == row) return;
        const QSignalBlocker quiet(table_->selectionModel());
        table_->setCurrentIndex(sorted_->index(row, 0));
        table_->viewport()->update();
        return;
    }
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
