// Light and dark: one palette and a few named colours for what widgets paint themselves.
#pragma once

#include <QApplication>
#include <QColor>
#include <QPalette>

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

/// Fusion, the palette, and sizes in font metrics; figures keep their own light theme.
void apply_theme(QApplication& app, bool dark);

}  // namespace microtome
