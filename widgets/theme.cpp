#include "widgets/theme.h"

#include <QStyle>
#include <QStyleFactory>
#include <QWidget>

#include "widgets/figures/colormap.h"
#include "widgets/token_text.h"

namespace microtome {

Theme Theme::make(bool dark) {
    Theme t;
    t.dark = dark;
    t.window = dark ? QColor(0x20242b) : QColor(0xf3f4f6);
    t.base = dark ? QColor(0x181b20) : QColor(0xffffff);
    t.text = dark ? QColor(0xe4e8ef) : QColor(0x1b212c);
    t.dim = dark ? QColor(0x9aa5b6) : QColor(0x5b6574);
    t.line = dark ? QColor(0x3c444f) : QColor(0xd0d5dd);
    t.accent = dark ? QColor(0x6ea8fe) : QColor(0x1f5fad);
    t.same = dark ? QColor(0x5a6472) : QColor(0xb4bbc6);
    t.substituted = dark ? QColor(0xe69f00) : QColor(0xe08e00);  // Okabe-Ito orange
    t.mismatch = dark ? QColor(0xe8703a) : QColor(0xc2410c);     // vermilion
    t.error = dark ? QColor(0xff8f6b) : QColor(0xb42a0a);
    t.warning = dark ? QColor(0xf2c14e) : QColor(0x8a5a00);
    return t;
}

Theme Theme::of(const QPalette& palette) {
    return make(palette.color(QPalette::Window).lightnessF() < 0.5f);
}

QPalette Theme::palette() const {
    QPalette p;
    const auto set = [&p](QPalette::ColorRole role, const QColor& color) { p.setColor(role, color); };
    set(QPalette::Window, window);
    set(QPalette::WindowText, text);
    set(QPalette::Base, base);
    set(QPalette::AlternateBase, blend(base, text, 0.04));
    set(QPalette::Text, text);
    set(QPalette::Button, dark ? blend(window, text, 0.06) : QColor(0xfafbfc));
    set(QPalette::ButtonText, text);
    set(QPalette::BrightText, error);
    set(QPalette::Highlight, accent);
    set(QPalette::HighlightedText, ink_on(accent));
    set(QPalette::Link, accent);
    set(QPalette::ToolTipBase, dark ? QColor(0x2c323b) : QColor(0xffffff));
    set(QPalette::ToolTipText, text);
    set(QPalette::PlaceholderText, dim);
    set(QPalette::Light, dark ? blend(window, text, 0.12) : QColor(0xffffff));
    set(QPalette::Midlight, blend(window, text, dark ? 0.09 : 0.04));
    set(QPalette::Mid, line);
    set(QPalette::Dark, blend(window, text, dark ? 0.25 : 0.3));
    set(QPalette::Shadow, dark ? QColor(0x0c0e11) : QColor(0x9aa3af));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, blend(window, text, 0.45));
    p.setColor(QPalette::Disabled, QPalette::Highlight, line);
    return p;
}

FigureStyle screen_style(const QWidget& widget) {
    const Theme theme = Theme::of(widget.palette());
    const int size = widget.fontInfo().pixelSize();
    FigureStyle style = theme.dark ? FigureStyle::dark_screen(size) : FigureStyle::light(size);
    style.background = theme.base;
    style.ink = theme.text;
    style.muted = theme.dim;
    style.accent = theme.accent;
    return style;
}

void apply_theme(QApplication& app, bool dark) {
    if (!app.style() || app.style()->name() != QLatin1String("fusion")) app.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    app.setPalette(Theme::make(dark).palette());
}

}  // namespace microtome
