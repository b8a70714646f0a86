// The clean and the corrupted prompt, answer and foil, beside what the model makes of them: chips, alignment, problems.
#pragma once

#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QSpinBox>
#include <QWidget>

#include "widgets/notice_label.h"
#include "widgets/pair_strip.h"
#include "widgets/workspace.h"

namespace microtome {

class PromptEditor : public QWidget {
    Q_OBJECT
  public:
    explicit PromptEditor(Workspace& workspace, QWidget* parent = nullptr);

    PairStrip* strip() const { return strip_; }
    QPlainTextEdit* clean_edit() const { return clean_; }
    QPlainTextEdit* corrupt_edit() const { return corrupt_; }
    QLineEdit* answer_edit() const { return answer_; }
    QLineEdit* foil_edit() const { return foil_; }
    QString message() const { return message_->text(); }

  protected:
    /// Undo and redo belong to the document, not to the single field.
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    QPlainTextEdit* prompt_field(PromptField field, const QString& name);
    QLineEdit* token_field(PromptField field, const QString& name);
    void lay_out();
    void link_selection();
    void show_pins();
    void show_texts();
    void show_tokens();

    Workspace& workspace_;
    QPlainTextEdit *clean_, *corrupt_;
    QLineEdit *answer_, *foil_;
    QLabel* bos_;
    NoticeLabel* message_;
    QSpinBox* pair_;
    PairStrip* strip_;
};

}  // namespace microtome
