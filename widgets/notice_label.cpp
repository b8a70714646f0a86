#include "widgets/notice_label.h"

#include <QApplication>
#include <QEvent>

#include "widgets/theme.h"

namespace microtome {

NoticeLabel::NoticeLabel(QWidget* parent) : QLabel(parent) {
    setTextFormat(Qt::PlainText);
    setWordWrap(true);
}

void NoticeLabel::show_notice(const QString& text, Tone tone) {
    tone_ = tone;
    paint_tone();
    setText(text);
}

void NoticeLabel::changeEvent(QEvent* event) {
    QLabel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) paint_tone();
}

void NoticeLabel::paint_tone() {
    const Theme theme = Theme::of(palette());
    const QColor color = tone_ == Tone::error     ? theme.error
                         : tone_ == Tone::warning ? theme.warning
                         : tone_ == Tone::dim     ? theme.dim
                                                  : theme.text;
    if (palette().color(QPalette::WindowText) == color) return;  // setting it sends the event again
    QPalette colors = palette();
    colors.setColor(QPalette::WindowText, color);
    setPalette(colors);
}

}  // namespace microtome
