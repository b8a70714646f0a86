// A line of text under a view: what it waits for, what is wrong.
#pragma once

#include <QLabel>

namespace microtome {

/// Plain text, wrapped, coloured by what it says; the colour follows the theme.
class NoticeLabel : public QLabel {
    Q_OBJECT
  public:
    enum class Tone { plain, dim, warning, error };
    explicit NoticeLabel(QWidget* parent = nullptr);

    void show_notice(const QString& text, Tone tone);

  protected:
    void changeEvent(QEvent* event) override;

  private:
    void paint_tone();

    Tone tone_ = Tone::plain;
};

}  // namespace microtome
