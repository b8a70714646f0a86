// The parameters of the sweep: what matters most in one row, the rest behind "More".
#pragma once

#include <QPushButton>
#include <QToolButton>
#include <QWidget>
#include <vector>

#include "widgets/field_form.h"
#include "widgets/workspace.h"

namespace microtome {

class SweepForm : public QWidget {
    Q_OBJECT
  public:
    explicit SweepForm(Workspace& workspace, QWidget* parent = nullptr);

    /// The editor of a parameter; nullptr if it has none.
    FieldEditor* editor(const std::string& name) const;
    QPushButton* run_button() const { return run_; }

  private:
    void lay_out();
    void show_values();
    void show_state();
    FieldEditor* add_editor(const FieldInfo& info);

    Workspace& workspace_;
    std::vector<FieldEditor*> editors_;
    QPushButton* run_;
    QToolButton* more_;
    QWidget* rest_;
};

}  // namespace microtome
