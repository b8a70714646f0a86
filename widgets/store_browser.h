// Looking into an activation store: the tree of what it holds, and two axes of one site for one prompt as a map or a table.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QSpinBox>
#include <QTreeView>
#include <QWidget>
#include <memory>

#include "widgets/jobs.h"
#include "widgets/matrix_panel.h"
#include "widgets/notice_label.h"
#include "widgets/store_tree.h"
#include "widgets/workspace.h"

namespace microtome {

class StoreBrowser : public QWidget {
    Q_OBJECT
  public:
    explicit StoreBrowser(Workspace& workspace, QWidget* parent = nullptr);

    /// Opens on a thread of its own; what is wrong with the file is shown in `message`.
    void open(const QString& file);
    void close();
    void choose_site(int row);
    void choose_prompt(int row);

    const QString& file() const { return file_; }
    bool busy() const { return jobs_.busy(); }
    QTreeView* tree() const { return tree_; }
    StoreTree* model() const { return model_; }
    MatrixPanel* panel() const { return panel_; }
    QSpinBox* prompt_box() const { return prompt_; }
    QComboBox* site_box() const { return site_; }
    QComboBox* column_box() const { return columns_; }
    /// The boxes of the axes that are neither rows nor columns, by the axes' names.
    QSpinBox* index_box(const QString& axis) const;
    QString message() const { return message_->text(); }
    QString statistics() const { return statistics_->text(); }

    std::optional<NamedView> shown() const;
    SceneOptions scene_options() const;
    QString provenance() const;
    Json manifest() const;

  Q_SIGNALS:
    void opened(const QString& title);
    void failed(const QString& text);

  private:
    void make_tree();
    void lay_out();
    void link();
    void adopt(std::shared_ptr<StoreView> store);
    /// Files are closed on the lane, too.
    void release();
    void fetch(std::uint64_t first, std::uint64_t count);
    void make_axes();
    void show_axes();
    void read_slice();
    void show_slice(const StoreSlice& slice, const SliceChoice& choice, const QString& text);
    void show_message(const QString& text, bool error);
    const StoredSite* site() const;
    const StoredSite* site_of(const SliceChoice& choice) const;
    SliceChoice choice() const;
    NodeRef fixed_place(const SliceChoice& choice) const;

    Workspace& workspace_;
    QString file_;
    std::shared_ptr<StoreView> store_;  // read on the lane of jobs_ only, but for its facts
    StoreTree* model_;
    QTreeView* tree_;
    QSpinBox* prompt_;
    QComboBox *site_, *columns_;
    QWidget* axes_;
    std::vector<std::pair<QLabel*, QSpinBox*>> indices_;  // one an axis
    MatrixPanel* panel_;
    QLabel *text_, *statistics_;
    NoticeLabel* message_;
    SliceChoice shown_;
    int slice_job_ = 0, open_job_ = 0;
    JobQueue jobs_;  // last: its jobs use the others, so it goes first
};

}  // namespace microtome
