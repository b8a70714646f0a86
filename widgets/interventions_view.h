// The list of interventions with its buttons: add, duplicate, delete, reorder; cells are edited in place.
#pragma once

#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QWidget>

#include "widgets/interventions_model.h"
#include "widgets/notice_label.h"
#include "widgets/workspace.h"

namespace microtome {

class InterventionsView : public QWidget {
    Q_OBJECT
  public:
    explicit InterventionsView(Workspace& workspace, QWidget* parent = nullptr);

    QTableView* table() const { return table_; }
    InterventionsModel* model() const { return model_; }
    QString message() const { return message_->text(); }
    /// At the selected place: its head's z, else its layer's resid_pre.
    void add_here();
    void add_at(const QString& target);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void make_table();
    QPushButton* button(const QString& text, const QString& tip, void (InterventionsView::*pressed)());
    void duplicate() { model_->duplicate(row()); }
    void remove() { model_->remove(row()); }
    void up() { model_->move(row(), -1); }
    void down() { model_->move(row(), 1); }
    void show_state();
    int row() const { return table_->currentIndex().row(); }

    Workspace& workspace_;
    InterventionsModel* model_;
    QTableView* table_;
    std::vector<QPushButton*> of_row_;
    NoticeLabel* message_;
};

}  // namespace microtome
