// The pinned places as a list: go to one, take one away, clear all.
#pragma once

#include <QListWidget>
#include <QPushButton>
#include <QWidget>

#include "widgets/selection.h"

namespace microtome {

class PinsView : public QWidget {
    Q_OBJECT
  public:
    explicit PinsView(SelectionModel& selection, QWidget* parent = nullptr);

    QListWidget* list() const { return list_; }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void show_pins();
    void remove_chosen();

    SelectionModel& selection_;
    QListWidget* list_;
    QPushButton *remove_, *clear_;
};

}  // namespace microtome
