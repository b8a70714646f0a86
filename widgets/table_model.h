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
    /// How columns of these names are headed, instead of by their names.
    struct Head {
        std::string name;
        QString title, help;
    };
    void set_heads(std::vector<Head> heads) { heads_ = std::move(heads); }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    Table table_;
    std::vector<Head> heads_;
    std::vector<bool> plain_;  // columns whose numbers are written with three decimals
};

}  // namespace microtome
