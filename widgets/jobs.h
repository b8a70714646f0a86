// The compute lane: one thread, for the life of the window, that does everything that touches the model, and the list of its jobs.
#pragma once

#include <QAbstractTableModel>
#include <QElapsedTimer>
#include <QTimer>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "analyses/analysis.h"
#include "widgets/units.h"

namespace microtome {

enum class JobState { waiting, running, done, cancelled, failed };

struct JobInfo {
    int id = 0;
    QString title, message, unit;
    JobState state = JobState::waiting;
    std::int64_t done = 0, total = 0;
    double seconds = 0;  // running time so far, or of the whole job

    bool active() const { return state == JobState::waiting || state == JobState::running; }
    /// Seconds left at the rate so far; negative: not known.
    double seconds_left() const {
        return done > 0 && total > done ? seconds * static_cast<double>(total - done) / static_cast<double>(done) : -1;
    }
};

/// Jobs run one after the other on the lane. What they deliver is handed over on the thread that owns this object.
class JobQueue : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { title, state, progress, rate, left, column_count };

    using Deliver = std::function<void()>;
    /// Runs on the lane; what it returns runs on the owner's thread once the job is done.
    using Work = std::function<Deliver(RunProgress&)>;
    /// Runs on the owner's thread, at most 30 times a second, with the newest state of a growing view.
    using Partial = std::function<void(const NamedView&)>;
    /// Runs on the owner's thread when a job failed or was cancelled; the text is empty if it was cancelled.
    using Failed = std::function<void(const QString&)>;

    explicit JobQueue(QObject* parent = nullptr);
    /// Asks every job to stop and waits for the lane.
    ~JobQueue() override;

    int start(const QString& title, Work work, Partial partial = {}, Failed failed = {});
    void cancel(int id);
    void cancel_all();
    bool busy() const;
    /// The running or first waiting job; nullptr: none.
    const JobInfo* active() const;
    const JobInfo* find(int id) const;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    const JobInfo& job(int row) const;

  Q_SIGNALS:
    /// Progress or state of some job changed (at most 30 times a second for progress).
    void updated();

  private:
    struct Job;
    struct Lane;
    class LaneProgress;

    void poll();
    void finish(const std::shared_ptr<Job>& job, JobState state, const QString& message, const Deliver& deliver);
    void row_changed(const Job& job);

    std::vector<std::shared_ptr<Job>> jobs_;
    std::unique_ptr<Lane> lane_;
    QTimer timer_;
    int next_id_ = 1;
};

/// "done", "running", …
QString state_name(JobState state);

}  // namespace microtome
