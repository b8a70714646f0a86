// The job list as a table: title, state, progress, rate, time left.
#include "widgets/jobs.h"

namespace microtome {
namespace {

QString progress_text(const JobInfo& job) {
    if (job.total <= 0) return {};
    return QStringLiteral("%1 of %2 %3").arg(job.done).arg(job.total).arg(job.unit);
}

QString rate_text(const JobInfo& job) {
    if (job.done <= 0 || job.seconds <= 0) return {};
    return QStringLiteral("%1 %2/s").arg(QString::number(static_cast<double>(job.done) / job.seconds, 'g', 3), job.unit);
}

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

QString shown_seconds(double seconds) {
    if (seconds < 0.0005) return QStringLiteral("0 s");
    if (seconds < 1) return QStringLiteral("%1 ms").arg(seconds * 1000, 0, 'f', 0);
    if (seconds < 60) return QStringLiteral("%1 s").arg(seconds, 0, 'f', 1);
    const auto whole = static_cast<long long>(seconds + 0.5);
    return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(whole % 60);
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
            return progress_text(info);
        case rate:
            return rate_text(info);
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
