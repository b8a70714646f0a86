#include "widgets/interventions_model.h"

#include <algorithm>

#include "core/base/error.h"

namespace microtome {

InterventionsModel::InterventionsModel(SessionDocument& document, QObject* parent) : QAbstractTableModel(parent), document_(document) {
    rows_ = list().size();
    connect(&document, &SessionDocument::interventions_changed, this, [this] {
        if (list().size() == rows_) {
            if (rows_ > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, column_count - 1));
            return;
        }
        beginResetModel();
        rows_ = list().size();
        endResetModel();
    });
}

void InterventionsModel::add(const std::string& target) {
    std::vector<Intervention> next = list();
    Intervention made;
    made.id = document_.new_intervention_id();
    made.type = "zero";
    made.target = target;
    next.push_back(made);
    document_.edit_interventions(next, tr("Add intervention"));
    Q_EMIT moved_to(rowCount() - 1);
}

void InterventionsModel::duplicate(int row) {
    if (row < 0 || row >= rowCount()) return;
    std::vector<Intervention> next = list();
    Intervention made = next[static_cast<std::size_t>(row)];
    made.id = document_.new_intervention_id();
    next.insert(next.begin() + row + 1, made);
    document_.edit_interventions(next, tr("Duplicate intervention"));
    Q_EMIT moved_to(row + 1);
}

void InterventionsModel::remove(int row) {
    if (row < 0 || row >= rowCount()) return;
    std::vector<Intervention> next = list();
    next.erase(next.begin() + row);
    document_.edit_interventions(next, tr("Delete intervention"));
    Q_EMIT moved_to(std::min(row, rowCount() - 1));
}

void InterventionsModel::move(int row, int by) {
    const int to = row + by;
    if (row < 0 || row >= rowCount() || to < 0 || to >= rowCount()) return;
    std::vector<Intervention> next = list();
    std::swap(next[static_cast<std::size_t>(row)], next[static_cast<std::size_t>(to)]);
    document_.edit_interventions(next, tr("Reorder interventions"));
    Q_EMIT moved_to(to);
}

int InterventionsModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(rows_);
}

int InterventionsModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

Qt::ItemFlags InterventionsModel::flags(const QModelIndex& index) const {
    if (!index.isValid()) return QAbstractTableModel::flags(index);
    const Qt::ItemFlags flags = QAbstractTableModel::flags(index) | Qt::ItemIsEditable;
    return index.column() == type ? flags | Qt::ItemIsUserCheckable : flags;
}

/// What the runs of the window do: an intervention of an opened session that its step does not use is off.
bool InterventionsModel::uses(const Intervention& intervention) const {
    const std::vector<std::string>& use = document_.step().use;
    return intervention.enabled && std::find(use.begin(), use.end(), intervention.id) != use.end();
}

QVariant InterventionsModel::shown(const Intervention& i, int column) const {
    switch (column) {
        case type:
            return QString::fromStdString(i.type);
        case target:
            return QString::fromStdString(i.target);
        case positions:
            return QString::fromStdString(i.positions);
        case strength:
            return QString::number(i.strength);
        case source:
            return QString::fromStdString(i.source);
        default:
            return QString::number(i.seed);
    }
}

QVariant InterventionsModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount()) return {};
    const Intervention& i = list()[static_cast<std::size_t>(index.row())];
    if (role == Qt::CheckStateRole && index.column() == type) return uses(i) ? Qt::Checked : Qt::Unchecked;
    if (role == Qt::TextAlignmentRole && (index.column() == strength || index.column() == seed))
        return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::DisplayRole || role == Qt::EditRole) return shown(i, index.column());
    if (role == Qt::ToolTipRole)
        return tr("%1: %2 at %3, positions %4")
            .arg(QString::fromStdString(i.id), shown(i, type).toString(), shown(i, target).toString(), shown(i, positions).toString());
    return {};
}

bool InterventionsModel::change(int row, Intervention next, const QString& what) {
    try {
        next = intervention_from_json(to_json(next), next.id, "");  // the same checks as a session file's
    } catch (const Error& error) {
        Q_EMIT refused(QString::fromUtf8(error.what()));
        return false;
    }
    std::vector<Intervention> all = list();
    all[static_cast<std::size_t>(row)] = next;
    document_.edit_interventions(all, what);
    return true;
}

bool InterventionsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    if (!index.isValid() || index.row() >= rowCount()) return false;
    Intervention next = list()[static_cast<std::size_t>(index.row())];
    if (role == Qt::CheckStateRole) {
        const bool on = value.toInt() == Qt::Checked;
        if (on && next.enabled) {  // an opened session's step leaves it out: off and on again takes it in
            next.enabled = false;
            std::vector<Intervention> all = list();
            all[static_cast<std::size_t>(index.row())] = next;
            document_.edit_interventions(all, tr("Disable intervention"));
        }
        next.enabled = on;
        return change(index.row(), next, on ? tr("Enable intervention") : tr("Disable intervention"));
    }
    if (role != Qt::EditRole) return false;
    const QString text = value.toString().trimmed();
    bool ok = true;
    switch (index.column()) {
        case type:
            next.type = text.toStdString();
            break;
        case target:
            next.target = text.toStdString();
            break;
        case positions:
            next.positions = text.isEmpty() ? "all" : text.toStdString();
            break;
        case strength:
            next.strength = text.toDouble(&ok);
            break;
        case source:
            next.source = text.toStdString();
            break;
        default:
            next.seed = text.toLongLong(&ok);
    }
    if (!ok) {
        Q_EMIT refused(
            tr("%1: expected a number, got '%2'").arg(headerData(index.column(), Qt::Horizontal, Qt::DisplayRole).toString(), text));
        return false;
    }
    return change(index.row(), next, tr("Change intervention"));
}

QVariant InterventionsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    static const char* const names[] = {"Type", "Target", "Positions", "Strength", "Source", "Seed"};
    static const char* const help[] = {"What happens to the activation; the box switches it on and off",
                                       "Where: L2.H1.z, L2.mlp_out or a hook name",
                                       "all, last, 3,5-7, role:S2 or token: John",
                                       "How much: a factor (scale) or standard deviations (noise)",
                                       "Where another value comes from, for the types that need one",
                                       "Of the random numbers, for the types that draw some"};
    if (orientation != Qt::Horizontal || section < 0 || section >= column_count) return {};
    if (role == Qt::DisplayRole) return tr(names[section]);
    return role == Qt::ToolTipRole ? QVariant(tr(help[section])) : QVariant();
}

}  // namespace microtome
