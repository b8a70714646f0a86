// An activation store as a tree: where it came from, its sites, its prompts. Prompts are fetched page by page when they are looked at.
#pragma once

#include <QAbstractItemModel>

#include "analyses/files/store_view.h"
#include "widgets/units.h"

namespace microtome {

class StoreTree : public QAbstractItemModel {
    Q_OBJECT
  public:
    enum Group { attributes, sites, prompts, group_count };
    enum Column { name, shape, size, column_count };
    static constexpr int page = 200;

    using QAbstractItemModel::QAbstractItemModel;

    void set_facts(const StoreFacts& facts);
    const StoreFacts& facts() const { return facts_; }
    /// The answer to `prompts_wanted`.
    void add_prompts(const std::vector<StoredPrompt>& prompts);
    QModelIndex group(Group group) const { return index(group, 0); }
    QModelIndex item(Group group, int row) const { return index(row, 0, this->group(group)); }
    /// The group whose item this is; group_count for a group itself.
    static Group group_of(const QModelIndex& index);

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& index) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& = {}) const override { return column_count; }
    bool hasChildren(const QModelIndex& parent = {}) const override;
    bool canFetchMore(const QModelIndex& parent) const override;
    void fetchMore(const QModelIndex& parent) override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  Q_SIGNALS:
    void prompts_wanted(std::uint64_t first, std::uint64_t count);

  private:
    int items(Group group) const;
    QString group_text(Group group, int column) const;
    QString item_text(Group group, int row, int column) const;
    QString site_text(const StoredSite& site, int column) const;

    StoreFacts facts_;
    std::vector<std::pair<QString, QString>> attributes_;
    std::vector<std::pair<QString, std::size_t>> prompts_;  // text, tokens
    bool open_ = false, fetching_ = false;
};

/// The site's hook name, behind a ∂ where it is the gradient by that activation.
QString site_label(const StoredSite& site);

}  // namespace microtome
