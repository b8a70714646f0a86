// A result's table for Qt's views: numbers sort as numbers and are right-aligned.
#pragma once

#include <QAbstractTableModel>

#include "analyses/views/result.h"

namespace microtome {

class TableModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    static constexpr int sort_role = Qt::UserRole;

    using QAbstractTableModel::QAbstractTableModel;

    void set_table(Table table);
    const Table& table() const { return table_; }
    /// Tool tips of the columns' heads, by the columns' names.
    void set_column_help(std::vector<std::pair<std::string, QString>> help) { help_ = std::move(help); }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    Table table_;
    std::vector<std::pair<std::string, QString>> help_;
};

}  // namespace microtome
