#include "widgets/jobs.h"

#include <algorithm>
#include <atomic>
#include <map>

namespace microtome {
namespace {

constexpr int poll_ms = 33;  // 30 Hz

}  // namespace

struct JobQueue::Job {
    JobInfo info;
    Work work;
    Partial partial;
    Failed failed;
    std::stop_source stop;

    // Written by the lane, read by the owner's thread.
    std::mutex mutex;
    bool started = false, fresh = false;
    std::int64_t done = 0, total = 0;
    std::string unit, note;
    QElapsedTimer clock;                     // since the start
    std::map<std::string, NamedView> views;  // the newest state of each growing view

    double seconds() const { return clock.isValid() ? static_cast<double>(clock.nsecsElapsed()) / 1e9 : 0; }
};

/// Notes progress for the next poll; cheap, and never waits for the owner's thread.
class JobQueue::LaneProgress final : public RunProgress {
  public:
    LaneProgress(std::stop_token stop, Job& job) : RunProgress(std::move(stop)), job_(job) {}
    void step(std::int64_t done, std::int64_t total, std::string_view unit) override {
        const std::lock_guard lock(job_.mutex);
        job_.done = done, job_.total = total, job_.unit = unit, job_.fresh = true;
    }
    void note(std::string_view line) override {
        const std::lock_guard lock(job_.mutex);
        job_.note = line, job_.fresh = true;
    }
    void partial(const NamedView& view) override {
        const std::lock_guard lock(job_.mutex);
        job_.views.insert_or_assign(view.name, view);
        job_.fresh = true;
    }

  private:
    Job& job_;
};

struct JobQueue::Lane {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::deque<std::shared_ptr<Job>> waiting;
    std::jthread thread;  // last: it uses the others

    explicit Lane(JobQueue& queue) {
        thread = std::jthread([this, &queue](std::stop_token stop) { serve(queue, stop); });
    }

    void serve(JobQueue& queue, const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::shared_ptr<Job> job;
            {
                std::unique_lock lock(mutex);
                if (!wake.wait(lock, stop, [this] { return !waiting.empty(); })) return;
                job = waiting.front();
                waiting.pop_front();
            }
            run(queue, job);
        }
    }

    static void run(JobQueue& queue, const std::shared_ptr<Job>& job) {
        const auto report = [&](JobState state, const QString& message, Deliver deliver = {}) {
            QMetaObject::invokeMethod(
                &queue, [&queue, job, state, message, deliver = std::move(deliver)] { queue.finish(job, state, message, deliver); });
        };
        try {
            LaneProgress progress(job->stop.get_token(), *job);
            progress.check();
            {
                const std::lock_guard lock(job->mutex);
                job->started = job->fresh = true;
                job->clock.start();
            }
            Deliver deliver = job->work(progress);
            report(progress.stopped() ? JobState::cancelled : JobState::done, {}, std::move(deliver));
        } catch (const Cancelled&) {
            report(JobState::cancelled, {});
        } catch (const std::exception& error) {
            report(JobState::failed, QString::fromUtf8(error.what()));
        }
    }
};

JobQueue::JobQueue(QObject* parent) : QAbstractTableModel(parent), lane_(std::make_unique<Lane>(*this)) {
    timer_.setInterval(poll_ms);
    connect(&timer_, &QTimer::timeout, this, &JobQueue::poll);
}

JobQueue::~JobQueue() {
    for (const auto& job : jobs_) job->stop.request_stop();
    lane_.reset();
}

int JobQueue::start(const QString& title, Work work, Partial partial, Failed failed) {
    auto job = std::make_shared<Job>();
    job->info.id = next_id_++;
    job->info.title = title;
    job->work = std::move(work);
    job->partial = std::move(partial);
    job->failed = std::move(failed);
    const int row = static_cast<int>(jobs_.size());
    beginInsertRows({}, row, row);
    jobs_.push_back(job);
    endInsertRows();
    {
        const std::lock_guard lock(lane_->mutex);
        lane_->waiting.push_back(job);
    }
    lane_->wake.notify_one();
    timer_.start();
    Q_EMIT updated();
    return job->info.id;
}

void JobQueue::cancel(int id) {
    for (const auto& job : jobs_)
        if (job->info.id == id && job->info.active()) job->stop.request_stop();
}

void JobQueue::cancel_all() {
    for (const auto& job : jobs_)
        if (job->info.active()) job->stop.request_stop();
}

bool JobQueue::busy() const {
    return active() != nullptr;
}

const JobInfo* JobQueue::active() const {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->info.active(); });
    return found == jobs_.end() ? nullptr : &(*found)->info;
}

const JobInfo* JobQueue::find(int id) const {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [id](const auto& job) { return job->info.id == id; });
    return found == jobs_.end() ? nullptr : &(*found)->info;
}

const JobInfo& JobQueue::job(int row) const {
    return jobs_.at(static_cast<std::size_t>(row))->info;
}

void JobQueue::poll() {
    bool any = false;
    for (const auto& job : std::vector(jobs_)) {  // a copy: a partial result may start another job
        if (!job->info.active()) continue;
        std::map<std::string, NamedView> views;
        {
            const std::lock_guard lock(job->mutex);
            if (job->started && job->info.state == JobState::waiting) job->info.state = JobState::running;
            if (!job->fresh && job->info.state == JobState::waiting) continue;
            job->fresh = false;
            job->info.done = job->done, job->info.total = job->total;
            job->info.unit = QString::fromStdString(job->unit);
            if (!job->note.empty()) job->info.message = QString::fromStdString(job->note);
            job->info.seconds = job->seconds();
            views.swap(job->views);
        }
        if (job->partial && !job->stop.stop_requested())
            for (const auto& [name, view] : views) job->partial(view);
        row_changed(*job);
        any = true;
    }
    if (any) Q_EMIT updated();
    if (!busy()) timer_.stop();
}

void JobQueue::finish(const std::shared_ptr<Job>& job, JobState state, const QString& message, const Deliver& deliver) {
    {
        const std::lock_guard lock(job->mutex);
        job->info.done = job->done, job->info.total = job->total;
        job->info.unit = QString::fromStdString(job->unit);
        if (!job->note.empty()) job->info.message = QString::fromStdString(job->note);
        job->info.seconds = job->seconds();
    }
    job->info.state = state;
    if (!message.isEmpty()) job->info.message = message;
    job->work = {};  // what it captured (a model, say) is free from now on
    if (deliver) deliver();
    if (!deliver && job->failed) job->failed(message);
    row_changed(*job);
    Q_EMIT updated();
    if (!busy()) timer_.stop();
}

void JobQueue::row_changed(const Job& job) {
    for (std::size_t row = 0; row < jobs_.size(); ++row)
        if (jobs_[row].get() == &job) Q_EMIT dataChanged(index(static_cast<int>(row), 0), index(static_cast<int>(row), column_count - 1));
}

}  // namespace microtome
