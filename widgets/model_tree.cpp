#include "widgets/model_tree.h"

#include <QLocale>

namespace microtome {

struct ModelTree::Row {
    Kind kind = Kind::part;
    QString name, shape, hook, help;
    std::int64_t parameters = 0;
    NodeRef place;
    Row* parent = nullptr;
    int at = 0;  // among the parent's children
    std::vector<std::unique_ptr<Row>> children;

    Row& add(Row child) {
        child.parent = this;
        child.at = static_cast<int>(children.size());
        children.push_back(std::make_unique<Row>(std::move(child)));
        return *children.back();
    }
};

namespace {

QString shape_text(const std::vector<std::int64_t>& shape) {
    QStringList sizes;
    for (const std::int64_t n : shape) sizes << QString::number(n);
    return sizes.join(QStringLiteral(" × "));
}

QString shape_text(const std::vector<std::string>& shape) {
    QStringList sizes;
    for (const std::string& n : shape) sizes << QString::fromStdString(n);
    return sizes.join(QStringLiteral(" × "));
}

}  // namespace

QString count_text(std::int64_t n) {
    return QLocale(QLocale::English).toString(static_cast<qlonglong>(n));
}

ModelTree::ModelTree(QObject* parent) : QAbstractItemModel(parent), root_(std::make_unique<Row>()) {}

ModelTree::~ModelTree() = default;

void ModelTree::set_outline(const ModelOutline& outline) {
    beginResetModel();
    root_ = std::make_unique<Row>();
    for (const OutlinePart& part : outline.parts) add_part(*root_, part);
    endResetModel();
}

void ModelTree::add_part(Row& into, const OutlinePart& part) {
    Row row;
    row.name = QString::fromStdString(part.name);
    row.parameters = part.parameters();
    row.place.layer = part.layer;
    Row& added = into.add(std::move(row));
    for (const OutlinePart& inner : part.parts) add_part(added, inner);
    for (int head = 0; head < part.heads; ++head) {
        Row line;
        line.kind = Kind::head;
        line.name = tr("Head %1").arg(head);
        line.place.layer = part.layer, line.place.head = head;
        line.hook = QString::fromStdString(to_string(line.place));
        added.add(std::move(line));
    }
    for (const OutlineSite& site : part.sites) {
        Row line;
        line.kind = Kind::site;
        line.name = QString::fromStdString(site.hook).section(QLatin1Char('.'), part.layer >= 0 ? 2 : 0);
        line.hook = QString::fromStdString(site.hook);
        line.shape = shape_text(site.shape);
        line.help = QString::fromStdString(site.help) + (site.costly ? tr(" (made only when asked for)") : QString());
        line.place.layer = part.layer, line.place.site = site.name;
        added.add(std::move(line));
    }
    for (const OutlineWeight& weight : part.weights) {
        Row line;
        line.kind = Kind::weight;
        line.name = QString::fromStdString(weight.name).section(QLatin1Char('.'), part.layer >= 0 ? 2 : 0);
        line.hook = QString::fromStdString(weight.name);
        line.shape = shape_text(weight.shape);
        line.parameters = weight.count();
        line.help = tr("Weight");
        added.add(std::move(line));
    }
}

const ModelTree::Row& ModelTree::row(const QModelIndex& index) const {
    return index.isValid() ? *static_cast<const Row*>(index.internalPointer()) : *root_;
}

ModelTree::Kind ModelTree::kind(const QModelIndex& index) const {
    return row(index).kind;
}

QString ModelTree::hook(const QModelIndex& index) const {
    return row(index).hook;
}

NodeRef ModelTree::place(const QModelIndex& index) const {
    return row(index).place;
}

QModelIndex ModelTree::index(int at, int column, const QModelIndex& parent) const {
    return hasIndex(at, column, parent) ? createIndex(at, column, row(parent).children[static_cast<std::size_t>(at)].get()) : QModelIndex();
}

QModelIndex ModelTree::parent(const QModelIndex& index) const {
    const Row* above = index.isValid() ? row(index).parent : nullptr;
    return above && above != root_.get() ? createIndex(above->at, 0, above) : QModelIndex();
}

int ModelTree::rowCount(const QModelIndex& parent) const {
    return parent.column() > 0 ? 0 : static_cast<int>(row(parent).children.size());
}

QVariant ModelTree::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const Row& line = row(index);
    if (role == Qt::ToolTipRole)
        return line.hook.isEmpty() ? line.name : line.help.isEmpty() ? line.hook : line.hook + QLatin1Char('\n') + line.help;
    if (role == Qt::TextAlignmentRole && index.column() == parameters) return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole) return {};
    if (index.column() == name) return line.name;
    if (index.column() == shape) return line.shape;
    return line.kind == Kind::part || line.kind == Kind::weight ? QVariant(count_text(line.parameters)) : QVariant();
}

QVariant ModelTree::headerData(int section, Qt::Orientation orientation, int role) const {
    static const char* const names[] = {"Part", "Parameters", "Shape"};
    return orientation == Qt::Horizontal && role == Qt::DisplayRole && section >= 0 && section < column_count
               ? QVariant(QString::fromLatin1(names[section]))
               : QVariant();
}

}  // namespace microtome
