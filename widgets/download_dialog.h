// Fetching a model from the hub: its name, how far it is, cancel. The transfer has a thread of its own.
#pragma once

#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>

#include "widgets/engine.h"
#include "widgets/jobs.h"
#include "widgets/notice_label.h"

namespace microtome {

class DownloadDialog : public QDialog {
    Q_OBJECT
  public:
    DownloadDialog(const Engine& engine, QWidget* parent);

    QLineEdit* name() const { return name_; }
    QPushButton* start_button() const { return start_; }
    QPushButton* cancel_button() const { return cancel_; }
    QProgressBar* bar() const { return bar_; }
    /// What is told of the transfer, or why it failed.
    QString status() const { return status_->text(); }
    bool busy() const { return job_ != 0; }

    void start();
    /// Keeps what came, from where the same name goes on.
    void cancel();

  Q_SIGNALS:
    /// The model is here, under this name.
    void downloaded(const QString& name);

  protected:
    /// Closing the dialog cancels.
    void done(int result) override;

  private:
    void show_progress();
    void show_status(const QString& text, bool error = false);
    void show_buttons();

    const Engine& engine_;
    QLineEdit* name_;
    NoticeLabel* status_;
    QProgressBar* bar_;
    QPushButton *start_, *cancel_;
    int job_ = 0;
    // Where this transfer began: what an earlier one left is not counted into the rate.
    std::int64_t first_ = -1;
    double first_seconds_ = 0;
    JobQueue jobs_;  // last: its jobs use the others
};

}  // namespace microtome
