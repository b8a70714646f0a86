#include "widgets/table_model.h"

#include <algorithm>
#include <cmath>

#include "widgets/field_form.h"
#include "widgets/figures/text.h"

namespace microtome {
namespace {

constexpr double least_plain = 0.01, most_plain = 1e4;

/// A column of shares or scores reads best with the same decimals throughout, a tiny one as 0.000.
bool is_plain(const Table& table, std::size_t column) {
    double most = 0;
    for (const auto& row : table.rows)
        if (const auto* value = std::get_if<double>(&row[column]); value && std::isfinite(*value)) most = std::max(most, std::abs(*value));
    return most >= least_plain && most < most_plain;
}

QString shown(const Cell& cell, bool plain) {
    if (const auto* text = std::get_if<std::string>(&cell)) return QString::fromStdString(*text);
    if (const auto* whole = std::get_if<std::int64_t>(&cell)) return QString::number(*whole);
    const double value = std::get<double>(cell);
    if (std::isnan(value)) return QObject::tr("no value");
    const bool vanishes = value != 0 && std::abs(value) < 0.0005;  // small is not nothing
    return plain && std::isfinite(value) && !vanishes ? QString::number(value, 'f', 3).replace(QLatin1Char('-'), QChar(0x2212))
                                                      : number_text(value, 3);
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
    plain_.clear();
    for (std::size_t column = 0; column < table_.columns.size(); ++column) plain_.push_back(is_plain(table_, column));
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
    return role == Qt::DisplayRole ? QVariant(shown(cell, plain_[static_cast<std::size_t>(index.column())])) : QVariant();
}

QVariant TableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
    const Column& column = table_.columns[static_cast<std::size_t>(section)];
    for (const Head& head : heads_)
        if (head.name == column.name && (role == Qt::ToolTipRole || role == Qt::DisplayRole))
            return role == Qt::ToolTipRole ? head.help : head.title;
    if (role != Qt::DisplayRole) return {};
    return titled(column.name) + (column.unit.empty() ? QString() : QStringLiteral(" (%1)").arg(QString::fromStdString(column.unit)));
}

}  // namespace microtome
