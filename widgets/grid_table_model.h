// A grid as an ordinary table, for reading and copying: the same numbers as the heat map.
#pragma once

#include <QAbstractTableModel>
#include <memory>
#include <optional>

#include "widgets/figures/grid_slices.h"
#include "widgets/spread.h"

namespace microtome {

class GridTableModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    using QAbstractTableModel::QAbstractTableModel;

    /// `spread`: said beside the numbers.
    void set_grid(std::shared_ptr<const Grid> grid, std::shared_ptr<const Spread> spread = nullptr);
    std::size_t flat(const QModelIndex& index) const;
    QModelIndex index_of(std::size_t flat) const;
    /// Tab-separated, with headers.
    QString tsv() const;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    std::shared_ptr<const Grid> grid_;
    std::shared_ptr<const Spread> spread_;
    std::optional<GridSlices> slices_;
};

}  // namespace microtome
