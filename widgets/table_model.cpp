#include "widgets/table_model.h"

#include <cmath>

#include "widgets/field_form.h"
#include "widgets/figures/text.h"

namespace microtome {
namespace {

QString shown(const Cell& cell) {
    if (const auto* text = std::get_if<std::string>(&cell)) return QString::fromStdString(*text);
    if (const auto* whole = std::get_if<std::int64_t>(&cell)) return QString::number(*whole);
    const double value = std::get<double>(cell);
    return std::isnan(value) ? QObject::tr("no value") : number_text(value, 3);
}

QVariant sortable(const Cell& cell) {
    if (const auto* text = std::get_if<std::string>(&cell)) return QString::fromStdString(*text);
    if (const auto* whole = std::get_if<std::int64_t>(&cell)) return static_cast<qlonglong>(*whole);
    return std::get<double>(cell);
}

}  // namespace

void TableModel::set_table(Table table) {
    beginResetModel();
    table_ = std::move(table);
    endResetModel();
}

int TableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(table_.rows.size());
}

int TableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(table_.columns.size());
}

QVariant TableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount()) return {};
    const Cell& cell = table_.rows[static_cast<std::size_t>(index.row())][static_cast<std::size_t>(index.column())];
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>((std::holds_alternative<std::string>(cell) ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    if (role == sort_role) return sortable(cell);
    return role == Qt::DisplayRole ? QVariant(shown(cell)) : QVariant();
}

QVariant TableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
    const Column& column = table_.columns[static_cast<std::size_t>(section)];
    if (role == Qt::ToolTipRole)
        for (const auto& [name, help] : help_)
            if (name == column.name) return help;
    if (role != Qt::DisplayRole) return {};
    return titled(column.name) + (column.unit.empty() ? QString() : QStringLiteral(" (%1)").arg(QString::fromStdString(column.unit)));
}

}  // namespace microtome
