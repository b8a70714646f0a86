// Every analysis of the catalog, and every further step of the session: choose one, set its parameters, run it. Its results open as a tab.
#pragma once

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QWidget>
#include <vector>

#include "widgets/field_form.h"
#include "widgets/workspace.h"

namespace microtome {

class AnalysesView : public QWidget {
    Q_OBJECT
  public:
    explicit AnalysesView(Workspace& workspace, QWidget* parent = nullptr);

    /// The name of the step that is shown (step_names.h).
    std::string analysis() const;
    bool choose(const std::string& analysis);
    QComboBox* analysis_box() const { return box_; }
    QPushButton* run_button() const { return run_; }
    FieldEditor* editor(const std::string& name) const;
    QString message() const { return message_->text(); }
    void run();

  Q_SIGNALS:
    /// It was started: its result wants to be seen.
    void started(const QString& analysis);

  private:
    /// The catalog, each analysis followed by the session's further steps of it.
    void fill_box();
    void make_form();
    void show_values();
    void show_state();

    Workspace& workspace_;
    QComboBox* box_;
    QLabel *summary_, *prompts_, *message_;
    QScrollArea* area_;
    std::vector<FieldEditor*> editors_;
    QPushButton* run_;
    bool takes_pairs_ = false, takes_prompts_ = false;
};

}  // namespace microtome
