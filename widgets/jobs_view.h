// The job list: progress, rate, time left; cancel what is selected.
#pragma once

#include <QPushButton>
#include <QTableView>
#include <QWidget>

#include "widgets/jobs.h"

namespace microtome {

class JobsView : public QWidget {
    Q_OBJECT
  public:
    explicit JobsView(JobQueue& jobs, QWidget* parent = nullptr);

    QTableView* table() const { return table_; }
    QPushButton* cancel_button() const { return cancel_; }

  private:
    void show_state();

    JobQueue& jobs_;
    QTableView* table_;
    QPushButton* cancel_;
};

}  // namespace microtome
