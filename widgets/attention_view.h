// The attention of the selected head: the matrix (rows = destination, columns = source) and the same numbers on the text.
#pragma once

#include <QComboBox>
#include <QSpinBox>
#include <QWidget>

#include "widgets/matrix_panel.h"
#include "widgets/token_flow.h"
#include "widgets/workspace.h"

namespace microtome {

class AttentionView : public QWidget {
    Q_OBJECT
  public:
    explicit AttentionView(Workspace& workspace, QWidget* parent = nullptr);

    enum Shown { clean, corrupt, difference };

    MatrixPanel* panel() const { return panel_; }
    TokenFlow* text() const { return text_; }
    QComboBox* side_box() const { return side_; }
    QComboBox* kind_box() const { return kind_; }
    QSpinBox* layer_box() const { return layer_; }
    QSpinBox* head_box() const { return head_; }
    /// The matrix shown, as a view for export; nullopt if there is none.
    std::optional<NamedView> shown() const;
    SceneOptions scene_options() const;
    QString describe(std::size_t flat) const;

  private:
    void lay_out();
    void link();
    /// The head shown: the selected one, or this view's own while it is not synced.
    NodeRef place() const { return panel_->synced() ? workspace_.selection().current() : own_; }
    void choose(int NodeRef::*field, int value);
    void show_head();
    void show_pins();
    void light(int destination);
    std::optional<Grid> slice(Side side) const;
    std::optional<Grid> wanted() const;
    QString missing_reason() const;

    Workspace& workspace_;
    MatrixPanel* panel_;
    TokenFlow* text_;
    QSpinBox *layer_, *head_;
    QComboBox *side_, *kind_;
    NodeRef own_;
};

}  // namespace microtome
