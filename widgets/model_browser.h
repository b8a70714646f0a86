// The model's tree with a filter, and what can be done with a row: copy its hook name, select it, intervene there.
#pragma once

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTreeView>
#include <QWidget>

#include "widgets/model_tree.h"
#include "widgets/workspace.h"

class QSortFilterProxyModel;

namespace microtome {

class ModelBrowser : public QWidget {
    Q_OBJECT
  public:
    explicit ModelBrowser(Workspace& workspace, QWidget* parent = nullptr);

    QTreeView* tree() const { return tree_; }
    QLineEdit* filter_edit() const { return filter_; }
    ModelTree* model() const { return model_; }
    QString summary() const { return summary_->text(); }
    /// The row in the tree as it is filtered; invalid if it is filtered away or there is none.
    QModelIndex find(const QString& hook) const;
    void copy_hook();

  Q_SIGNALS:
    /// "L2.H3.z", "blocks.2.hook_mlp_out".
    void intervention_wanted(const QString& target);

  private:
    void lay_out();
    void show_model();
    void show_filter(const QString& text);
    void show_menu(const QPoint& at);
    QModelIndex current() const;
    /// What an intervention at the row would target; empty where none can be.
    QString target(const QModelIndex& index) const;

    Workspace& workspace_;
    ModelTree* model_;
    QSortFilterProxyModel* filtered_;
    QTreeView* tree_;
    QLineEdit* filter_;
    QPushButton* copy_;
    QLabel* summary_;
};

}  // namespace microtome
