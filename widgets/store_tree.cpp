#include "widgets/store_tree.h"

#include "core/base/error.h"
#include "core/base/sites.h"

namespace microtome {
namespace {

QString one_line(const std::string& text) {
    return QString::fromStdString(text).simplified();
}

QString help_of(const std::string& hook) {
    try {
        return QString::fromLatin1(info(parse_hook(hook).site).help);
    } catch (const Error&) {  // a site that another version stored
        return {};
    }
}

}  // namespace

QString site_label(const StoredSite& site) {
    return (site.gradient ? QStringLiteral("∂ ") : QString()) + QString::fromStdString(site.name);
}

void StoreTree::set_facts(const StoreFacts& facts) {
    beginResetModel();
    facts_ = facts;
    prompts_.clear();
    fetching_ = false;
    open_ = !facts.file.empty();
    const auto text = [](const std::string& value) { return QString::fromStdString(value); };
    attributes_ = {
        {tr("model"), text(facts.model)},
        {tr("model SHA-256"), text(facts.model_sha256)},
        {tr("processing"), text(facts.processing)},
        {tr("numerics"), text(facts.dtype)},
        {tr("tokenizer SHA-256"), text(facts.tokenizer_sha256)},
        {tr("written by"), tr("Microtome %1").arg(text(facts.tool_version))},
        {tr("gradients"), facts.metric.empty() ? tr("none") : tr("of %1, %2 prompts").arg(text(facts.metric), text(facts.metric_run))},
        {tr("state"), facts.running ? tr("running: more prompts may follow") : tr("complete")}};
    endResetModel();
}

void StoreTree::add_prompts(const std::vector<StoredPrompt>& prompts) {
    fetching_ = false;
    if (prompts.empty()) return;
    const int first = items(Group::prompts);
    beginInsertRows(group(Group::prompts), first, first + static_cast<int>(prompts.size()) - 1);
    for (const StoredPrompt& prompt : prompts) prompts_.emplace_back(one_line(prompt.text), prompt.ids.size());
    endInsertRows();
}

StoreTree::Group StoreTree::group_of(const QModelIndex& index) {
    return index.isValid() && index.internalId() > 0 ? static_cast<Group>(index.internalId() - 1) : group_count;
}

QModelIndex StoreTree::index(int row, int column, const QModelIndex& parent) const {
    if (!hasIndex(row, column, parent)) return {};
    return createIndex(row, column, parent.isValid() ? static_cast<quintptr>(parent.row() + 1) : quintptr(0));
}

QModelIndex StoreTree::parent(const QModelIndex& index) const {
    const Group group = group_of(index);
    return group == group_count ? QModelIndex() : createIndex(group, 0, quintptr(0));
}

int StoreTree::items(Group group) const {
    switch (group) {
        case Group::attributes:
            return static_cast<int>(attributes_.size());
        case Group::sites:
            return static_cast<int>(facts_.sites.size());
        case Group::prompts:
            return static_cast<int>(prompts_.size());
        default:
            return 0;
    }
}

int StoreTree::rowCount(const QModelIndex& parent) const {
    if (!open_ || parent.column() > 0) return 0;
    if (!parent.isValid()) return group_count;
    return group_of(parent) == group_count ? items(static_cast<Group>(parent.row())) : 0;
}

bool StoreTree::hasChildren(const QModelIndex& parent) const {
    const bool unread = parent.isValid() && group_of(parent) == group_count && parent.row() == Group::prompts && facts_.prompts > 0;
    return unread ? parent.column() == 0 : rowCount(parent) > 0;
}

bool StoreTree::canFetchMore(const QModelIndex& parent) const {
    return parent.isValid() && group_of(parent) == group_count && parent.row() == Group::prompts && !fetching_ &&
           prompts_.size() < facts_.prompts;
}

void StoreTree::fetchMore(const QModelIndex& parent) {
    if (!canFetchMore(parent)) return;
    fetching_ = true;
    Q_EMIT prompts_wanted(prompts_.size(), std::min<std::uint64_t>(page, facts_.prompts - prompts_.size()));
}

QString StoreTree::group_text(Group group, int column) const {
    std::uint64_t bytes = 0;
    for (const StoredSite& site : facts_.sites) bytes += site.bytes;
    switch (group) {
        case Group::attributes:
            return column == name ? tr("From") : column == shape ? QString::fromStdString(facts_.model) : QString();
        case Group::sites:
            return column == name ? tr("Sites") : column == shape ? tr("%1 sites").arg(facts_.sites.size()) : bytes_text(bytes);
        default:
            return column == name    ? tr("Prompts")
                   : column == shape ? tr("%1 prompts").arg(facts_.prompts)
                                     : tr("%1 tokens").arg(facts_.tokens);
    }
}

QString StoreTree::site_text(const StoredSite& site, int column) const {
    if (column == name) return site_label(site);
    if (column == size) return bytes_text(site.bytes);
    QStringList axes{QString::number(site.rows)};  // what they count is in the tool tip
    for (const std::uint64_t n : site.shape) axes << QString::number(n);
    return axes.join(QStringLiteral(" × ")) + QLatin1Char(' ') + QString::fromStdString(site.type);
}

QString StoreTree::item_text(Group group, int row, int column) const {
    const auto at = static_cast<std::size_t>(row);
    if (group == Group::sites) return site_text(facts_.sites[at], column);
    if (group == Group::attributes) return column == name ? attributes_[at].first : column == shape ? attributes_[at].second : QString();
    if (column == name) return QString::number(row);
    return column == shape ? prompts_[at].first : tr("%1 tokens").arg(prompts_[at].second);
}

QVariant StoreTree::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const Group group = group_of(index);
    if (role == Qt::TextAlignmentRole && index.column() == size) return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole && group == Group::sites) {
        const StoredSite& site = facts_.sites[static_cast<std::size_t>(index.row())];
        QStringList symbols{site.pairs ? tr("(query, key)") : tr("token")};
        for (const std::string& symbol : site.symbols) symbols << QString::fromStdString(symbol);
        const QString text = tr("%1\n%2\n%3%4")
                                 .arg(QString::fromStdString(site.name), help_of(site.name), symbols.join(QStringLiteral(" × ")),
                                      site.unit.empty() ? QString() : tr(", %1").arg(QString::fromStdString(site.unit)));
        return site.gradient ? tr("Gradient of %1 by %2").arg(QString::fromStdString(facts_.metric), text) : text;
    }
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
    return group == group_count ? group_text(static_cast<Group>(index.row()), index.column())
                                : item_text(group, index.row(), index.column());
}

QVariant StoreTree::headerData(int section, Qt::Orientation orientation, int role) const {
    static const char* const names[] = {"Name", "Shape or text", "Size"};
    return orientation == Qt::Horizontal && role == Qt::DisplayRole && section >= 0 && section < column_count
               ? QVariant(QString::fromLatin1(names[section]))
               : QVariant();
}

}  // namespace microtome
