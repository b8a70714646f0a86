// A heat map that can be read as a table, with the selection of the window.
#pragma once

#include <QLabel>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QWidget>

#include "widgets/grid_table_model.h"
#include "widgets/heatmap_view.h"
#include "widgets/selection.h"

namespace microtome {

class MatrixPanel : public QWidget {
    Q_OBJECT
  public:
    MatrixPanel(SelectionModel& selection, const QString& name, QWidget* parent = nullptr);

    /// `fixed`: what all cells have in common (site, side, the head of an attention matrix); joins what the axes say.
    /// `positions`: the token that each index of a position axis stands for (-1: none); empty: the index itself.
    /// `spread`: how sure the cells are, said in the table.
    void set_grid(std::shared_ptr<const Grid> grid, const SceneOptions& options, const NodeRef& fixed,
                  const std::vector<int>& positions = {}, std::shared_ptr<const Spread> spread = nullptr);
    HeatmapView* map() const { return map_; }
    QTableView* table() const { return table_; }
    const GridTableModel& model() const { return *model_; }
    bool shows_table() const { return stack_->currentWidget() == table_; }
    void show_table(bool on);
    /// A view that is not synced neither follows the window's selection nor sets it.
    bool synced() const { return sync_->isChecked(); }
    void set_synced(bool on) { sync_->setChecked(on); }
    /// The line under the map: the hovered cell, else the current one.
    void set_idle_text(const QString& text);
    QString readout() const { return readout_->text(); }
    NodeRef node(std::size_t flat) const;

  Q_SIGNALS:
    void synced_changed(bool on);
    void table_shown(bool on);

  private:
    void link_map();
    void link_sync(const QString& name);
    /// The cell of a place, if the grid has it.
    std::optional<std::size_t> flat_of(const NodeRef& ref) const;
    std::vector<CellIndex> cells_at(const NodeRef& ref) const;
    NodeRef shown_ref(NodeRef ref) const;
    /// A source axis that counts what the position axis counts.
    bool sources_too() const;
    int column_width(bool spread) const;
    void show_pins();
    void show_echoes();
    void link_table();
    void follow(const NodeRef& current);
    void show_readout(CellIndex cell);

    SelectionModel& selection_;
    HeatmapView* map_;
    QTableView* table_;
    GridTableModel* model_;
    QStackedWidget* stack_;
    QLabel* readout_;
    QToolButton* sync_;
    NodeRef fixed_;
    std::vector<int> positions_;
    QString idle_;
};

}  // namespace microtome
