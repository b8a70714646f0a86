#include "widgets/jobs_view.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QVBoxLayout>

namespace microtome {

JobsView::JobsView(JobQueue& jobs, QWidget* parent) : QWidget(parent), jobs_(jobs) {
    table_ = new QTableView(this);
    table_->setAccessibleName(tr("Jobs"));
    table_->setModel(&jobs);
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setFrameShape(QFrame::NoFrame);
    table_->setShowGrid(false);
    table_->setTabKeyNavigation(false);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 3 / 2);
    table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    table_->horizontalHeader()->setSectionResizeMode(JobQueue::state, QHeaderView::Stretch);
    const int ch = fontMetrics().averageCharWidth();
    table_->setColumnWidth(JobQueue::title, ch * 26);
    table_->setColumnWidth(JobQueue::progress, ch * 22);
    table_->setColumnWidth(JobQueue::rate, ch * 20);
    table_->setColumnWidth(JobQueue::left, ch * 14);
    cancel_ = new QPushButton(tr("Cancel Job"), this);
    cancel_->setToolTip(tr("Stop the selected job, or the running one; what is finished is kept"));
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(table_, 1);
    layout->addWidget(cancel_, 0, Qt::AlignTop);
    connect(cancel_, &QPushButton::clicked, this, [this] {
        const QModelIndex index = table_->currentIndex();
        const JobInfo* job = index.isValid() && jobs_.job(index.row()).active() ? &jobs_.job(index.row()) : jobs_.active();
        if (job) jobs_.cancel(job->id);
    });
    connect(&jobs, &JobQueue::updated, this, &JobsView::show_state);
    connect(&jobs, &JobQueue::rowsInserted, table_, &QTableView::scrollToBottom);
    show_state();
}

void JobsView::show_state() {
    cancel_->setEnabled(jobs_.busy());
}

}  // namespace microtome
