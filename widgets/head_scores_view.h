// The detectors' table: how much each head is an induction, previous-token or duplicate-token head. A row is a head of the selection.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QTableView>
#include <QWidget>
#include <memory>

#include "widgets/field_form.h"
#include "widgets/table_model.h"
#include "widgets/workspace.h"

class QSortFilterProxyModel;

namespace microtome {

class HeadScoresView : public QWidget {
    Q_OBJECT
  public:
    explicit HeadScoresView(Workspace& workspace, QWidget* parent = nullptr);

    QTableView* table() const { return table_; }
    QPushButton* run_button() const { return run_; }
    QComboBox* text_box() const { return text_; }
    QString message() const { return message_->text(); }
    /// The table as it is sorted; nullopt if there is none.
    std::optional<NamedView> shown() const;
    QString provenance() const;
    void run();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    class Sorted;
    void make_table();
    void lay_out();
    void link();
    void show_result();
    void show_state();
    void follow();
    NodeRef head_of(const QModelIndex& index) const;

    Workspace& workspace_;
    TableModel* model_;
    QSortFilterProxyModel* sorted_;
    QTableView* table_;
    QComboBox* text_;
    std::vector<FieldEditor*> editors_;
    Json params_ = Json::object();
    QPushButton* run_;
    QProgressBar* progress_;
    QLabel* message_;
};

}  // namespace microtome
