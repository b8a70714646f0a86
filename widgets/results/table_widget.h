// A table that sorts; rows that name a layer, head or position are places of the selection.
#pragma once

#include <QTableView>

#include "widgets/results/view_widget.h"
#include "widgets/table_model.h"

class QSortFilterProxyModel;

namespace microtome {

class TableWidget : public ViewWidget {
    Q_OBJECT
  public:
    TableWidget(SelectionModel& selection, QWidget* parent = nullptr);

    void show_view(const std::shared_ptr<const NamedView>& view, const ViewPlace& place) override;
    NamedView shown() const override;
    QWidget* focus_part() override { return table_; }
    QTableView* table() const { return table_; }

  protected:
    /// Space pins the current row's place.
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    /// The places that a row names: in its numbers of layer, head, position and unit, and in texts such as "L2.H1".
    struct Place {
        int column;
        NodeRef ref;
    };
    std::vector<Place> places(const QModelIndex& index) const;
    /// Of several (a head that reads what another writes), the one in the index's own column, else the first.
    NodeRef node(const QModelIndex& index) const;
    void follow(const NodeRef& ref);

    SelectionModel& selection_;
    std::string name_, help_;
    NodeRef fixed_;
    TableModel* model_;
    QSortFilterProxyModel* sorted_;
    QTableView* table_;
};

}  // namespace microtome
