// Light and dark: one palette and a few named colours for what widgets paint themselves.
#pragma once

#include <QApplication>
#include <QColor>
#include <QPalette>

#include "widgets/figures/style.h"

namespace microtome {

struct Theme {
    bool dark = false;
    QColor window, base, text, dim, line, accent;
    QColor same, substituted, mismatch;  // alignment of two prompts
    QColor error, warning;               // messages

    static Theme make(bool dark);
    /// The theme of a palette, by how light its window colour is.
    static Theme of(const QPalette& palette);
    QPalette palette() const;
};

/// How figures are painted on a widget: its font and colours.
FigureStyle screen_style(const QWidget& widget);

/// Fusion, the palette, and sizes in font metrics; figures in files keep their own light theme.
void apply_theme(QApplication& app, bool dark);

}  // namespace microtome
