// How the model computes: number type, device, threads and weight processing.
#pragma once

#include <QDialog>

#include "analyses/files/session_file.h"

class QCheckBox;
class QComboBox;
class QRadioButton;
class QSpinBox;

namespace microtome {

class NumericsDialog : public QDialog {
    Q_OBJECT
  public:
    NumericsDialog(const SessionModel& model, int threads, QWidget* parent);

    /// The model with what is chosen now.
    SessionModel chosen() const;
    int threads() const;

    QComboBox* dtype_box() const { return dtype_; }
    QRadioButton* processed_button() const { return processed_; }
    /// One for each switch, in the order in which they are applied.
    const std::vector<QCheckBox*>& switches() const { return switches_; }

  private:
    QWidget* make_processing();
    void show_processing(const std::string& processing);
    void follow();

    SessionModel model_;
    QComboBox *dtype_, *device_;
    QSpinBox* threads_;
    QRadioButton *raw_ = nullptr, *processed_ = nullptr, *some_ = nullptr;
    std::vector<QCheckBox*> switches_;
};

}  // namespace microtome
