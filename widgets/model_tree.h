// The model as a tree: embedding, blocks with attention, heads and MLP, unembedding; under each its weights and its sites.
#pragma once

#include <QAbstractItemModel>
#include <memory>
#include <vector>

#include "analyses/model_outline.h"
#include "widgets/selection.h"

namespace microtome {

class ModelTree : public QAbstractItemModel {
    Q_OBJECT
  public:
    enum class Kind { part, head, weight, site };
    enum Column { name, parameters, shape, column_count };

    explicit ModelTree(QObject* parent = nullptr);
    ~ModelTree() override;

    void set_outline(const ModelOutline& outline);
    Kind kind(const QModelIndex& index) const;
    /// What "Copy Hook Name" gives: a site's hook, a weight's name, "L2.H3" of a head; empty for other parts.
    QString hook(const QModelIndex& index) const;
    /// The place that the row stands for; empty if it is none.
    NodeRef place(const QModelIndex& index) const;

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& index) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& = {}) const override { return column_count; }
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    struct Row;
    const Row& row(const QModelIndex& index) const;
    void add_part(Row& into, const OutlinePart& part);

    std::unique_ptr<Row> root_;
};

/// "1,234,567".
QString count_text(std::int64_t n);

}  // namespace microtome
