#include "widgets/grid_table_model.h"

#include <cmath>

#include "widgets/figures/text.h"

namespace microtome {

void GridTableModel::set_grid(std::shared_ptr<const Grid> grid, std::shared_ptr<const Spread> spread) {
    const int rows = rowCount(), columns = columnCount();
    std::optional<GridSlices> slices;
    if (grid && grid->size() > 0) slices.emplace(*grid, "", "");
    const bool same =
        slices && static_cast<int>(slices->panels() * slices->rows()) == rows && static_cast<int>(slices->cols()) == columns && rows > 0;
    if (!same) beginResetModel();
    grid_ = std::move(grid);
    spread_ = std::move(spread);
    slices_ = std::move(slices);
    if (!same) {
        endResetModel();
    } else {
        Q_EMIT dataChanged(index(0, 0), index(rows - 1, columns - 1));
        Q_EMIT headerDataChanged(Qt::Horizontal, 0, columns - 1);
        Q_EMIT headerDataChanged(Qt::Vertical, 0, rows - 1);
    }
}

std::size_t GridTableModel::flat(const QModelIndex& index) const {
    const std::size_t row = static_cast<std::size_t>(index.row());
    return slices_->flat(row / slices_->rows(), row % slices_->rows(), static_cast<std::size_t>(index.column()));
}

QModelIndex GridTableModel::index_of(std::size_t flat) const {
    if (!slices_ || flat >= grid_->size()) return {};
    const auto at = slices_->place(flat);
    return index(static_cast<int>(at.panel * slices_->rows() + at.row), static_cast<int>(at.col));
}

int GridTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() || !slices_ ? 0 : static_cast<int>(slices_->panels() * slices_->rows());
}

int GridTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() || !slices_ ? 0 : static_cast<int>(slices_->cols());
}

QVariant GridTableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || !slices_) return {};
    if (role == Qt::TextAlignmentRole) return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole) return {};
    const std::size_t at = flat(index);
    if (!grid_->computed(at)) return tr("not computed");
    const bool none = std::isnan(grid_->values[at]);
    QString number = none ? tr("no value") : number_text(grid_->values[at], 6) + spread_text(spread_, at);
    if (!none && !grid_->approximate.empty()) number.prepend(QStringLiteral("≈ "));
    return grid_->texts.empty() ? number : visible_token(grid_->texts[at]) + QLatin1Char(' ') + number;
}

QVariant GridTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (!slices_ || role != Qt::DisplayRole || section < 0) return {};
    const auto at = static_cast<std::size_t>(section);
    if (orientation == Qt::Horizontal) return at < slices_->cols() ? visible_token(slices_->col_labels()[at]) : QString();
    if (section >= rowCount()) return {};
    const QString label = visible_token(slices_->row_labels()[at % slices_->rows()]);
    const QString panel = slices_->panel_title(at / slices_->rows(), true);
    return panel.isEmpty() ? label : panel + QLatin1Char(' ') + label;
}

QString GridTableModel::tsv() const {
    if (!slices_) return {};
    QString out = axis_title(slices_->row_name());
    for (int c = 0; c < columnCount(); ++c) out += QLatin1Char('\t') + headerData(c, Qt::Horizontal, Qt::DisplayRole).toString();
    out += QLatin1Char('\n');
    for (int r = 0; r < rowCount(); ++r) {
        out += headerData(r, Qt::Vertical, Qt::DisplayRole).toString();
        for (int c = 0; c < columnCount(); ++c) {
            const std::size_t at = flat(index(r, c));
            const bool known = grid_->computed(at) && !std::isnan(grid_->values[at]);
            out += QLatin1Char('\t') + (known ? QString::number(grid_->values[at], 'g', 17) : QString());
        }
        out += QLatin1Char('\n');
    }
    return out;
}

}  // namespace microtome
