// The job list as a table: title, state, progress, rate, time left.
#include "widgets/jobs.h"

namespace microtome {
namespace {

QString left_text(const JobInfo& job) {
    if (!job.active()) return shown_seconds(job.seconds);
    return job.seconds_left() < 0 ? QString() : QStringLiteral("%1 left").arg(shown_seconds(job.seconds_left()));
}

}  // namespace

QString state_name(JobState state) {
    switch (state) {
        case JobState::waiting:
            return QStringLiteral("waiting");
        case JobState::running:
            return QStringLiteral("running");
        case JobState::done:
            return QStringLiteral("done");
        case JobState::cancelled:
            return QStringLiteral("cancelled");
        case JobState::failed:
            return QStringLiteral("failed");
    }
    return {};
}

int JobQueue::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(jobs_.size());
}

int JobQueue::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : column_count;
}

QVariant JobQueue::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount()) return {};
    const JobInfo& info = job(index.row());
    if (role == Qt::ToolTipRole) return info.message.isEmpty() ? info.title : info.message;
    if (role != Qt::DisplayRole) return {};
    switch (index.column()) {
        case title:
            return info.title;
        case state:
            return info.message.isEmpty() ? state_name(info.state) : state_name(info.state) + QStringLiteral(": ") + info.message;
        case progress:
            return info.total > 0 ? amount_text(info.done, info.total, info.unit) : QString();
        case rate:
            return info.done > 0 && info.seconds > 0 ? rate_text(static_cast<double>(info.done) / info.seconds, info.unit) : QString();
        case left:
            return left_text(info);
        default:
            return {};
    }
}

QVariant JobQueue::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section < 0 || section >= column_count) return {};
    static const char* const names[] = {"Job", "State", "Progress", "Rate", "Time"};
    return QString::fromLatin1(names[section]);
}

}  // namespace microtome
